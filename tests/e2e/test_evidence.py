"""What events tell of bodies, traces and stages, and what they must never tell."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until

from stockade.detect.outputs.otlp import span_of
from stockade.model.event import FieldRecord
from stockade.store.events import EventStore
from stockade.store.folder import DataFolder

ATTACK = "1' OR '1'='1' --"

CANARIES = (
    "Canary-pass-7Q2",
    "4539148803436467",
    "DE89370400440532013000",
    "canary@secret-mail.example",
    "AKIACANARY7EXAMPLE42",
    "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.Y2FuYXJ5LXNpZ25hdHVyZQ",
    "CanaryBearer0123456789",
    "canary-cookie-0f9e8d7c",
)
JSON, XML, TEXT = ({"content-type": kind} for kind in ("application/json", "application/xml", "text/plain"))
PASSWORD, CARD, IBAN, EMAIL, KEY, JWT, BEARER, COOKIE = CANARIES


def seen(stockade: Stockade, answer: httpx.Response) -> dict[str, Any]:
    event = EventStore(DataFolder(stockade.data))
    found = until(lambda: event.find(answer.headers["x-stockade-id"]), what="the event")
    return dict(found.raw)


def test_fields_are_told_without_values_and_excerpts_only_of_what_stood_out(
    origin: Origin, gateway_factory: GatewayFactory
) -> None:
    stockade = gateway_factory(origin.url)
    order = {"id": 7, "customer": {"email": "alice@example.com", "name": "Alice"}, "tags": ["a"]}
    with stockade.client() as client:
        calm = seen(stockade, client.post("/echo", json=order))
        odd = seen(stockade, client.post("/items", json={**order, "note": ATTACK}))
    for record in (calm["request"], calm["response"]):
        told = [FieldRecord.from_json(one) for one in record["fields"]]
        assert sorted(told, key=lambda one: one.field) == [
            FieldRecord("customer.email", "string", "email", "email"),
            FieldRecord("customer.name", "string"),
            FieldRecord("id", "integer"),
            FieldRecord("tags[]", "string"),
        ]
        assert "excerpt" not in record
    assert "alice" not in json.dumps(calm)
    assert "content-type: application/json" in odd["request"]["headers"]
    assert "headers" not in calm["request"]
    assert json.loads(odd["request"]["excerpt"]) == {
        "id": 7,
        "customer": {"email": "[email]", "name": "Alice"},
        "tags": ["a"],
        "note": ATTACK,
    }
    # From the archive too, where fields are one column.
    assert stockade.stop() == 0
    assert EventStore(DataFolder(stockade.data)).find(calm["id"]).raw["request"]["fields"] == calm["request"]["fields"]  # type: ignore[union-attr]


def test_no_excerpt_is_kept_where_config_says_so(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, run=False)
    stockade.configure({"version": 1, "apis": {"main": {"upstream": origin.url}}, "gateway": {"excerpt": "0B"}})
    stockade.start()
    with stockade.client() as client:
        record = seen(stockade, client.post("/items", json={"note": ATTACK}))
    assert record["verdict"] == "refused"
    assert "excerpt" not in record["request"]


def test_the_inventory_tells_data_and_parameters(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, run=False)
    api = {"upstream": origin.url, "owner": "Team Shop"}
    stockade.configure({"version": 1, "apis": {"main": api}})
    stockade.start()
    with stockade.client() as client:
        for number in range(5):
            client.post("/echo", params={"page": number}, json={"mail": f"a{number}@example.com", "lat": 1.5})
        until(lambda: len(stockade.exchanges()) == 5, what="events")
    (endpoint,) = stockade.admin().ask("GET", "/api/v1/endpoints")["endpoints"]
    found = {(at["side"], at["field"]): at["data"] for at in endpoint["data"]}
    assert found["response", "mail"] == {"data_class": "email", "confidence": 0.95, "by": "value"}
    assert found["request", "lat"] == {"data_class": "location", "confidence": 0.5, "by": "name"}
    assert endpoint["risk"]["personal_data"] > 0
    (page,) = endpoint["seen"]["parameters"]
    assert (page["name"], page["type"], page["required"]) == ("page", "integer", True)
    said = told(stockade, "--endpoint", "POST /echo")
    assert "POST /echo  (main, not declared)" in said
    assert "  query      page: integer\n" in said
    assert "    mail: email  email 95% by value\n" in said
    assert "personal_data+15" in said
    assert "email location" in told(stockade, "--endpoints")
    assert "found no endpoint `GET /gone`" in told(stockade, "--endpoint", "GET /gone")


def told(stockade: Stockade, *arguments: str) -> str:
    """What `stockade apis` prints."""
    command = [sys.executable, "-m", "stockade", "apis", "--data", str(stockade.data), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_a_trace_is_kept_or_started_and_told(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    given = {"traceparent": f"00-{trace}-{parent}-01", "tracestate": "a=b"}
    with stockade.client() as client:
        kept = seen(stockade, client.get("/items", headers=given))
        started = seen(stockade, client.get("/items", headers={"traceparent": "00-nonsense-01", "tracestate": "a=b"}))
    told = [request.headers.get("traceparent", "") for request in origin.requests[-2:]]
    assert kept["trace"] == {"id": trace, "parent": parent}
    assert "trace" not in started
    assert [request.headers.get("tracestate") for request in origin.requests[-2:]] == ["a=b", None]
    for record, field in zip((kept, started), told, strict=True):
        span = span_of(record)
        assert field == f"00-{span['traceId']}-{span['spanId']}-01"
    assert span_of(kept)["parentSpanId"] == parent
    pivot = stockade.admin().ask("GET", f"/api/v1/pivot?value={trace}")
    assert (pivot["exchanges"], pivot["roles"]) == (1, {"trace": 1})
    own = span_of(started)["traceId"]
    assert stockade.admin().ask("GET", f"/api/v1/pivot?value={own}")["roles"] == {"trace": 1}


def test_metrics_tell_what_each_stage_adds(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    with stockade.client() as client:
        for _ in range(600):
            client.get("/items")
    token = (stockade.data / "admin.token").read_text().strip()
    text = httpx.get(f"{stockade.admin_url}/metrics", headers={"authorization": f"Bearer {token}"}).text
    measured = re.search(r"^stockade_stage_measured_exchanges_total (\d+)$", text, re.MULTILINE)
    assert measured is not None
    # One in 64: of 600 the chance of none is 1 in 12,000.
    assert 0 < int(measured[1]) < 100
    assert re.search(r'^stockade_stage_seconds_total\{stage="inspect"\} 0?\.\d|e-0\d', text, re.MULTILINE)


class Hook:
    """A webhook's receiver."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def canary_calls(client: httpx.Client) -> int:
    """Calls with canaries wherever secrets are sent, in calm and in suspicious exchanges."""
    secrets = {"password": PASSWORD, "card": {"number": CARD}, "iban": IBAN, "to": [EMAIL], "apiKey": KEY, "t": JWT}
    headers = {"authorization": f"Bearer {BEARER}", "cookie": f"session={COOKIE}", "x-api-key": KEY}
    count = 0
    for attack in ("", ATTACK):
        body = {
            **secrets,
            "nested": [{"deep": {"client_secret": PASSWORD, "pay": f"to {IBAN} by {CARD}"}}],
            "q": attack,
        }
        packed = gzip.compress(json.dumps(body).encode())
        query = {"password": PASSWORD, "token": JWT, "mail": EMAIL, "card": CARD, "q": attack}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/echo", {"json": body, "headers": headers}),
            ("POST", "/items", {"content": packed, "headers": {**JSON, "content-encoding": "gzip"}}),
            ("POST", "/items", {"data": {"password": PASSWORD, "cc": CARD, "q": attack}}),
            ("POST", "/items", {"files": {"f": ("x", PASSWORD)}, "data": {"secret": PASSWORD, "q": attack}}),
            ("POST", "/items", {"content": f"<a><password>{PASSWORD}</password>{attack}</a>", "headers": XML}),
            ("POST", "/items", {"content": f'{{"password": "{PASSWORD}", "q": "{attack}"', "headers": JSON}),
            ("POST", "/items", {"content": f"password={PASSWORD} {attack}", "headers": TEXT}),
            ("GET", "/items", {"params": query, "headers": headers}),
            ("GET", f"/users/{EMAIL}/cards/{CARD}", {"headers": {"user-agent": f"me {EMAIL}; {attack or 1}"}}),
        ]
        for method, path, how in calls:
            client.request(method, path, **how)
            count += 1
    return count


def test_no_canary_is_in_events_exports_webhooks_or_logs(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    hook, told = Hook(), tmp_path / "told.jsonl"
    stockade = gateway_factory(origin.url, run=False)
    stockade.configure(
        {
            "version": 1,
            "apis": {"main": {"upstream": origin.url, "mode": "monitor"}},
            "outputs": {"file": {"to": f"file:{told}", "events": "all"}, "hook": {"to": hook.url, "events": "all"}},
        }
    )
    stockade.start()
    with stockade.client() as client:
        calls = canary_calls(client)
    until(lambda: len(stockade.exchanges()) == calls, what="all events")
    spool = b"".join(path.read_bytes() for path in DataFolder(stockade.data).spool.iterdir() if path.is_file())
    answers = json.dumps(stockade.admin().ask("GET", "/api/v1/events?limit=100"))
    answers += json.dumps(stockade.admin().ask("GET", "/api/v1/endpoints"))

    def told_to_hook() -> int:
        records = [record for body in list(hook.got) for record in json.loads(body)["events"]]
        return sum(record["kind"] == "exchange" for record in records)

    until(lambda: told_to_hook() == calls, 20, "the webhook")
    assert stockade.stop() == 0
    tables = [pq.read_table(path) for path in DataFolder(stockade.data).events.rglob("*.parquet")]
    archived = json.dumps([table.to_pylist() for table in tables])
    places = {
        "spool": spool.decode("latin-1"),
        "archive": archived,
        "file": told.read_text(),
        "webhook": b"".join(hook.got).decode(),
        "answers": answers,
        "log": stockade.log.read_text(),
    }
    hook.server.shutdown()
    hook.server.server_close()
    assert any("excerpt" in text for text in (places["archive"], places["webhook"]))
    assert len(archived) > 1000
    for place, text in places.items():
        for canary in CANARIES:
            assert canary not in text, f"{canary} in {place}: {text[max(0, text.index(canary) - 200) :][:400]}"
    # They did reach the upstream: nothing but events was changed.
    sent = b"".join(request.body for request in origin.requests)
    assert PASSWORD.encode() in sent
