from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import traffic
from tests.unit.records import EVENT

from stockade.detect.ingest.ingest import Taken
from stockade.detect.outputs import file as files
from stockade.detect.outputs import output as outputs
from stockade.detect.outputs.file import FileSink
from stockade.detect.outputs.ocsf import API_ACTIVITY, DETECTION_FINDING, HTTP_ACTIVITY, ocsf_of
from stockade.detect.outputs.otlp import OtlpSink
from stockade.detect.outputs.output import Output
from stockade.detect.outputs.syslog import SyslogSink, messages_of
from stockade.detect.outputs.webhook import WebhookSink
from stockade.store.archive.rows import rows_of

ALLOWED = next(record for record in traffic.records(50) if record["verdict"] == "allowed")
HOSTILE = {**EVENT, "request": {**EVENT["request"], "user_agent": "a\r\n<13>1 forged \u2028 \x1b[31m"}}
NOTICE = {"kind": "notice", "format": 1, "time": 5, "gateway": "g", "code": "a.b", "detail": "x"}


def taken(*records: dict[str, Any]) -> Taken:
    lines = traffic.lines(iter(records))
    return Taken(lines, rows_of(lines, 1).tables, 0)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ocsf_names_what_happened() -> None:
    (activity,) = ocsf_of(ALLOWED, "1")
    assert activity["class_uid"] == API_ACTIVITY
    assert activity["type_uid"] == API_ACTIVITY * 100 + activity["activity_id"]
    assert activity["api"]["operation"] == ALLOWED["operation"]
    assert activity["src_endpoint"]["ip"] == ALLOWED["client"]["address"]
    activity, finding = ocsf_of(EVENT, "1")
    assert (activity["action_id"], activity["disposition_id"], activity["status_id"]) == (2, 2, 2)
    assert finding["class_uid"] == DETECTION_FINDING
    assert finding["finding_info"]["title"] == "access.denied"
    assert finding["finding_info"]["types"] == ["sql_injection"]
    assert ocsf_of({**EVENT, "operation": None, "request": None}, "1")[0]["class_uid"] == HTTP_ACTIVITY
    assert ocsf_of(NOTICE, "1") == []


def test_one_event_is_one_line_whatever_a_client_sent(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "out.jsonl", "1")
    sink.send([HOSTILE, ALLOWED, NOTICE], 1)
    lines = (tmp_path / "out.jsonl").read_bytes().split(b"\n")
    assert len(lines) == 4
    assert all(json.loads(line)["metadata"]["product"]["name"] == "Stockade" for line in lines[:-1])
    assert b"\x1b" not in b"".join(lines)
    for message in messages_of(HOSTILE, "1"):
        assert message.isascii()
        assert b"\n" not in message
        assert message.startswith(b"<108>1 2023-11-14T22:13:20.000000Z gateway-1 stockade - ")


def test_a_large_file_is_moved_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILE_BYTES", 1000)
    sink = FileSink(tmp_path / "out.jsonl", "1")
    for number in range(20):
        sink.send([ALLOWED], number)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl"] + [f"out.jsonl.{n}" for n in range(1, 5)]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


def test_syslog_over_tcp_counts_octets(listener: socket.socket) -> None:
    sink = SyslogSink("tcp", "127.0.0.1", listener.getsockname()[1], "1")
    sink.send([EVENT], 1)
    sink.close()
    connection, _ = listener.accept()
    with connection:
        content = b"".join(iter(lambda: connection.recv(65536), b""))
    found = []
    while content:
        length, _, rest = content.partition(b" ")
        found.append(rest[: int(length)])
        content = rest[int(length) :]
    assert found == messages_of(EVENT, "1")


def test_syslog_over_udp_sends_a_datagram_each() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sink = SyslogSink("udp", "127.0.0.1", receiver.getsockname()[1], "1")
        sink.send([EVENT], 1)
        sink.close()
        assert [receiver.recv(65536) for _ in range(2)] == messages_of(EVENT, "1")


def test_a_webhook_is_signed_and_keeps_its_delivery_when_sent_again() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(503 if len(seen) == 1 else 204)

    sink = WebhookSink("https://hook.example/x", "s3cret", lambda: 7_000_000, httpx.MockTransport(answer))
    with pytest.raises(OSError, match="503"):
        sink.send([EVENT], 1)
    sink.send([EVENT], 1)
    body = seen[0].content
    digest = hmac.new(b"s3cret", b"7." + body, hashlib.sha256).hexdigest()
    assert seen[0].headers["x-stockade-signature"] == f"t=7,v1={digest}"
    assert seen[0].headers["x-stockade-delivery"] == seen[1].headers["x-stockade-delivery"]
    assert json.loads(body) == {"events": [EVENT]}


@pytest.mark.parametrize(("status", "error"), [(500, OSError), (429, OSError), (400, ValueError), (302, ValueError)])
def test_only_what_may_be_taken_later_is_sent_again(status: int, error: type[Exception]) -> None:
    sink = WebhookSink("http://h/x", None, lambda: 0, httpx.MockTransport(lambda _: httpx.Response(status)))
    with pytest.raises(error):
        sink.send([EVENT], 1)


def test_opentelemetry_gets_a_span_each_and_logs_of_what_stood_out() -> None:
    seen: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.path] = json.loads(request.content)
        return httpx.Response(200)

    OtlpSink("http://collector:4318/", "1", httpx.MockTransport(answer)).send([ALLOWED, EVENT, NOTICE], 1)
    spans = seen["/v1/traces"]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    logs = seen["/v1/logs"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    assert [span["name"] for span in spans] == [ALLOWED["operation"], EVENT["operation"]]
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans)
    assert [log["severityText"] for log in logs] == ["WARN"]
    assert logs[0]["traceId"] == spans[1]["traceId"]


class Receiver:
    """Takes batches, or not."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.open = threading.Event()
        self.error: Exception | None = None

    def send(self, batch: Any, number: int) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        if not self.open.is_set():
            raise OSError("closed")
        self.got += [record.get("id", "") for record in batch]

    def close(self) -> None: ...


def test_a_stopped_receiver_gets_everything_later_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "PAUSE_S", (0.01, 0.02))
    receiver = Receiver()
    output = Output("x", receiver, "all")
    records = list(traffic.records(30))
    begin = time.monotonic()
    for record in records:
        output.take(taken(record))
    assert time.monotonic() - begin < 5
    until(lambda: output.problem == "closed")
    receiver.open.set()
    until(lambda: output.counts.sent == 30)
    assert receiver.got == [record["id"] for record in records]
    assert output.problem is None
    output.close()


def test_what_is_too_much_is_dropped_oldest_first_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "PAUSE_S", (0.01, 0.02))
    monkeypatch.setattr(outputs, "QUEUE", 10)
    receiver = Receiver()
    output = Output("x", receiver, "all")
    records = list(traffic.records(100))
    output.take(taken(*records))
    receiver.open.set()
    until(lambda: output.counts.sent + output.counts.dropped == 100)
    assert receiver.got[-1] == records[-1]["id"]
    assert output.counts.dropped == 90
    output.close()


def test_what_is_never_taken_does_not_hold_up_the_rest() -> None:
    receiver = Receiver()
    receiver.open.set()
    receiver.error = ValueError("never")
    output = Output("x", receiver, "suspicious")
    output.take(taken(EVENT))
    until(lambda: output.counts.dropped == 1)
    output.take(taken(ALLOWED, {**EVENT, "id": "second"}))
    until(lambda: output.counts.sent == 1)
    assert receiver.got == ["second"]
    output.close()
