"""A call through a whole Stockade: passed on, refused, recorded and explained."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin, RawOrigin
from tests.e2e.stockades import free_port, until

ATTACK = "/items?q=1%27%20UNION%20SELECT%20password%20FROM%20users--"


def stockade_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stockade", *arguments], capture_output=True, text=True, timeout=30, check=False
    )


def test_an_ordinary_call_passes_and_is_recorded(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    with stockade.client() as client:
        answer = client.post("/items?page=2", json={"name": "lamp"}, headers={"x-own": "kept"})
    assert answer.status_code == 200
    assert answer.json() == {"method": "POST", "target": "/items?page=2", "bytes": len(b'{"name":"lamp"}')}
    seen = origin.requests[0]
    assert seen.headers["x-own"] == "kept"
    assert seen.headers["x-forwarded-for"] == "127.0.0.1"
    event = stockade.event(answer.headers["x-stockade-id"])
    assert event.verdict == "allowed"
    assert event.api == "main"
    assert event.request is not None
    assert (event.request.method, event.request.path) == ("POST", "/items")
    assert event.response is not None
    assert event.response.status == 200
    assert event.response.upstream is not None


def test_an_attack_is_refused_recorded_and_explained(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    with stockade.client() as client:
        answer = client.get(ATTACK)
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    exchange_id = answer.headers["x-stockade-id"]
    assert answer.json()["id"] == exchange_id
    assert "sql" not in answer.text.lower()
    assert origin.requests == []
    event = stockade.event(exchange_id)
    assert event.verdict == "refused"
    assert event.refusals[-1].stage == "inspect"
    assert event.findings[0].detector == "sql_injection"
    explained = stockade_command("explain", exchange_id, "--data", str(stockade.data))
    assert explained.returncode == 0
    assert "refused 403" in explained.stdout
    assert event.refusals[-1].reason in explained.stdout
    assert "sql_injection" in explained.stdout
    listed = stockade_command("events", "--data", str(stockade.data), "--verdict", "refused", "--json")
    assert json.loads(listed.stdout)["id"] == exchange_id


def test_monitor_never_changes_a_response(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, api={"mode": "monitor"})
    with stockade.client() as client:
        answer = client.get(ATTACK)
    assert answer.status_code == 200
    assert answer.json()["target"] == ATTACK
    event = stockade.event(answer.headers["x-stockade-id"])
    assert event.verdict == "would_refuse"
    assert event.refusals[-1].stage == "inspect"


def test_malformed_http_is_refused_in_monitor_mode_too(origin: Origin, gateway_factory: GatewayFactory) -> None:
    import socket

    stockade = gateway_factory(origin.url, api={"mode": "monitor"})
    with socket.create_connection(("127.0.0.1", stockade.port), timeout=5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        received = b""
        while part := raw.recv(65536):
            received += part
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in received.lower()
    assert origin.requests == []
    until(lambda: len(stockade.exchanges()) == 1, what="one event")
    event = stockade.exchanges()[0]
    assert event.refusals[0].stage == "gateway"


def test_an_upstream_that_is_down_is_a_502_with_an_id(gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(f"http://127.0.0.1:{free_port()}")
    with stockade.client() as client:
        answer = client.get("/items")
    assert answer.status_code == 502
    event = stockade.event(answer.headers["x-stockade-id"])
    assert event.verdict == "failed"
    assert event.refusals[-1].stage == "upstream"


@pytest.mark.parametrize(
    "garbage",
    [
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"",
    ],
    ids=["no-http", "length-and-chunked", "two-lengths", "unasked-upgrade", "nothing"],
)
def test_an_upstream_that_answers_rubbish_is_never_passed_on(gateway_factory: GatewayFactory, garbage: bytes) -> None:
    raw = RawOrigin(garbage)
    stockade = gateway_factory(raw.url)
    with stockade.client() as client:
        answer = client.get("/items")
    assert answer.status_code == 502
    event = stockade.event(answer.headers["x-stockade-id"])
    assert event.verdict == "failed"
    assert event.refusals[-1].stage == "upstream"
    raw.stop()


def test_an_answer_that_ends_early_is_never_passed_on_as_whole(gateway_factory: GatewayFactory) -> None:
    raw = RawOrigin(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 10\r\n\r\nabc")
    stockade = gateway_factory(raw.url)
    # Told by status where the head was still held back, else by cutting the connection.
    with stockade.client() as client, contextlib.suppress(httpx.RemoteProtocolError):
        assert client.get("/items").status_code == 502
    event = until(stockade.exchanges, what="event")[0]
    assert event.verdict == "failed"
    assert event.refusals[-1].stage == "upstream"
    raw.stop()


def test_a_decision_blocks_and_is_undone(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    data = str(stockade.data)
    with stockade.client() as client:
        until(lambda: client.get("/items").status_code == 200)
        arguments = ["address=127.0.0.1", "--for", "10m", "--reason", "test", "--data", data, "--json"]
        added = json.loads(stockade_command("decisions", "add", *arguments).stdout)
        assert added["enforced"] is True
        assert added["reach"]["exchanges"] >= 1
        answer = client.get("/items")
        assert answer.status_code == 403
        assert stockade.event(answer.headers["x-stockade-id"]).refusals[-1].stage == "decisions"
        listed = stockade_command("decisions", "list", "--data", data).stdout
        assert added["decision"]["id"] in listed
        assert stockade_command("decisions", "remove", added["decision"]["id"], "--data", data).returncode == 0
        assert client.get("/items").status_code == 200


def test_a_long_block_of_a_bare_address_is_refused(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    arguments = ["address=127.0.0.1", "--for", "2h", "--reason", "test", "--data", str(stockade.data)]
    refused = stockade_command("decisions", "add", *arguments)
    assert refused.returncode == 2
    assert "error: expected at most 3600 seconds" in refused.stderr
    assert "hint: " in refused.stderr


def test_a_slow_client_is_cut_at_its_deadline(origin: Origin, gateway_factory: GatewayFactory) -> None:
    import socket
    import time

    stockade = gateway_factory(origin.url, gateway={"timeouts": {"head": "1s"}})
    with socket.create_connection(("127.0.0.1", stockade.port), timeout=10) as slow:
        slow.sendall(b"GET /items HTTP/1.1\r\nHost: x\r\n")
        started = time.monotonic()
        received = b""
        while part := slow.recv(65536):
            received += part
        took = time.monotonic() - started
    assert 0.8 <= took <= 2.5
    assert received == b"" or received.startswith(b"HTTP/1.1 408 ")
