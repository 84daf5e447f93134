"""What must not leave is withheld, cut off in a stream, or only told, as the settings say."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory

TRACE = 'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in <module>\nKeyError: 7\n'


class _Careless(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path:
            case "/trace":
                self._answer(json.dumps({"error": TRACE}).encode(), "application/json")
            case "/passwd":
                self._answer(b"root:x:0:0:root:/root:/bin/bash\n", "text/plain")
            case "/gzip":
                self._answer(gzip.compress(TRACE.encode()), "text/plain", coding="gzip")
            case "/long":
                self._answer(b"." * 600_000 + TRACE.encode() + b"." * 600_000, "text/plain")
            case _:
                self._answer(b'{"fine":true}' * 60_000, "application/json")

    def _answer(self, body: bytes, media_type: str, coding: str | None = None) -> None:
        self.send_response(200)
        self.send_header("content-type", media_type)
        self.send_header("content-length", str(len(body)))
        if coding:
            self.send_header("content-encoding", coding)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def careless() -> Iterator[str]:
    """An upstream that tells too much."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Careless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def gather(pieces: Iterator[bytes], into: bytearray) -> None:
    """Keep what comes until it ends or breaks off."""
    for piece in pieces:
        into.extend(piece)


def test_an_answer_that_leaks_is_withheld_or_cut_off(careless: str, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(careless)
    with stockade.client() as client:
        for path, detector in [("/trace", "stack_trace"), ("/passwd", "system_file"), ("/gzip", "stack_trace")]:
            answer = client.get(path)
            assert answer.status_code == 502, path
            assert "srv" not in answer.text
            event = stockade.event(answer.headers["x-stockade-id"])
            assert event.refusals[0].reason == "response.leak"
            assert event.findings[0].detector == detector
        came = bytearray()
        with client.stream("GET", "/long") as answer:
            exchange = answer.headers["x-stockade-id"]
            pieces = answer.iter_raw()
            with pytest.raises(httpx.RemoteProtocolError):
                gather(pieces, came)
        assert b"srv" not in came
        assert stockade.event(exchange).refusals[0].reason == "response.leak"
        assert len(client.get("/fine").content) == 60_000 * 13


def test_leaks_are_only_told_where_the_settings_say_so(careless: str, gateway_factory: GatewayFactory) -> None:
    told = gateway_factory(careless, api={"response": {"refuse": False}})
    watched = gateway_factory(careless, api={"mode": "monitor"})
    for stockade in (told, watched):
        with stockade.client() as client:
            trace, long = client.get("/trace"), client.get("/long")
        assert trace.json() == {"error": TRACE}
        assert TRACE in long.text
        for answer in (trace, long):
            event = stockade.event(answer.headers["x-stockade-id"])
            assert [finding.detector for finding in event.findings] == ["stack_trace"]
