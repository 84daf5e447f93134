"""Fields are protected in responses and events, tokens lead back for who may, and events are encrypted on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until

from stockade.store.audit import AuditLog

CUSTOMER = {"id": 7, "card": "4111 1111 1111 1111", "email": "alice@example.com", "secret": {"a": 1}, "rate": 1.50}


class _Customers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"{" if self.path.startswith("/broken") else json.dumps(CUSTOMER).encode()
        if self.path.startswith("/large"):
            body = json.dumps({**CUSTOMER, "padding": "x" * 400_000}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain" if self.path.startswith("/text") else "application/json")
        self.send_header("ETag", '"a"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def customers() -> Iterator[str]:
    """An upstream that answers with a customer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Customers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def protect(**more: Any) -> dict[str, Any]:
    rules = [
        {"name": "cards", "fields": ["card"], "action": "tokenise", "where": ["events", "responses"]},
        {"name": "mails", "classes": ["email"], "where": ["responses"], "keep_last": 4},
        {"name": "secrets", "fields": ["secret"], "action": "remove", "where": ["responses"]},
    ]
    return {"protect": {"rules": rules, "body": "64KiB"}, **more}


def run(stockade: Stockade, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stockade", *arguments, "--data", str(stockade.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_fields_are_protected_and_a_token_leads_back_with_an_audit_line(
    customers: str, gateway_factory: GatewayFactory
) -> None:
    stockade = gateway_factory(customers, api=protect())
    with stockade.client() as client:
        answer = client.get("/customers/7?card=4111+1111+1111+1111&page=2")
        again = client.get("/customers/7")
    told = answer.json()
    token = told["card"]
    assert len(token) == 19
    assert token != CUSTOMER["card"]
    assert again.json() == told
    assert told["email"].endswith(".com")
    assert told["email"].startswith("****")
    assert "secret" not in told
    assert '"rate": 1.5' in answer.text
    assert "etag" not in answer.headers
    event = stockade.event(answer.headers["x-stockade-id"])
    assert event.request is not None
    assert event.request.query is not None
    assert "4111" not in event.request.query
    assert event.request.query.endswith("&page=2")

    assert "--reason" in run(stockade, "vault", "reveal", token).stderr
    shown = run(stockade, "vault", "reveal", token, "--reason", "ticket 7")
    assert shown.stdout.strip() == CUSTOMER["card"]
    record = list(AuditLog(stockade.data / "audit.log").read())[-1]
    assert (record.action, record.subject, record.reason) == ("tokens.reveal", token, "ticket 7")


def test_what_cannot_be_read_does_not_slip_through_and_other_types_pass(
    customers: str, gateway_factory: GatewayFactory
) -> None:
    stockade = gateway_factory(customers, api=protect())
    with stockade.client() as client:
        broken, large, text = client.get("/broken"), client.get("/large"), client.get("/text")
    assert (broken.status_code, large.status_code, text.status_code) == (502, 502, 200)
    assert "4111" not in broken.text + large.text
    refused = stockade.event(large.headers["x-stockade-id"])
    assert refused.refusals[0].reason == "protect.unreadable"


def test_monitor_mode_changes_nothing(customers: str, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(customers, api=protect(mode="monitor"))
    with stockade.client() as client:
        assert client.get("/customers/7").json() == CUSTOMER


def test_events_on_disk_are_encrypted_and_survive_a_kill(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, gateway={"spool": {"encrypt": True}})
    with stockade.client() as client:
        first = client.get("/items?colour=vermilion").headers["x-stockade-id"]
        assert stockade.event(first).request is not None
        pid = stockade.gateway_pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: stockade.gateway_pid() not in (None, pid), 20, "another gateway")
        second = until(lambda: _ask(stockade), 20, "an answer")
    for exchange in (first, second):
        assert stockade.event(exchange).verdict == "allowed"
    segments = list((stockade.data / "spool").glob("*.segment"))
    assert segments
    for segment in segments:
        content = segment.read_bytes()
        assert content[8:12] == b"\x02\0\0\0"
        assert b"vermilion" not in content
        assert b"items" not in content
    assert (stockade.data / "keys" / "spool.key").stat().st_mode & 0o777 == 0o600


def _ask(stockade: Stockade) -> str | None:
    import httpx

    try:
        return str(httpx.get(f"{stockade.url}/items?colour=vermilion").headers["x-stockade-id"])
    except httpx.TransportError:
        return None
