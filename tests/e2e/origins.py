"""Upstreams for end-to-end tests: one that records and behaves, and one that answers whatever it is told."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Recorded:
    """One request as the upstream saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Origin:
    """A running upstream."""

    url: str
    server: ThreadingHTTPServer
    requests: list[Recorded] = field(default_factory=list)

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one segment: Nagle's algorithm would hold the body back for 40 ms.
    wbufsize = 64 * 1024
    origin: Origin

    def handle_any(self) -> None:
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.origin.requests.append(Recorded(self.command, self.path, headers, body))
        url = urlsplit(self.path)
        match url.path.split("/")[1:]:
            case ["slow"]:
                time.sleep(float(parse_qs(url.query)["s"][0]))
                self._answer(200, {"slept": True})
            case ["stream"]:
                self._stream(int(parse_qs(url.query).get("n", ["5"])[0]))
            case ["echo"]:
                self._answer_bytes(200, body, headers.get("content-type", "application/json"))
            case ["status", code]:
                self._answer(int(code), {"status": code})
            case _:
                self._answer(200, {"method": self.command, "target": self.path, "bytes": len(body)})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any  # noqa: N815

    def do_HEAD(self) -> None:
        self.handle_any()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _answer(self, status: int, value: Any) -> None:
        self._answer_bytes(status, json.dumps(value).encode(), "application/json")

    def _answer_bytes(self, status: int, content: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        self.wfile.flush()

    def _stream(self, count: int) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number in range(count):
            content = f"data: {number}\n\n".encode()
            self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_arguments: Any) -> None:
        """A gateway that cuts a connection is no error of the origin."""


def start_origin(port: int = 0) -> Origin:
    """Start a recording upstream."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", port), handler)
    origin = Origin(f"http://127.0.0.1:{server.server_port}", server)
    handler.origin = origin  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return origin


class RawOrigin:
    """Reads a request head, answers fixed bytes and closes; counts connections."""

    def __init__(self, answer: bytes) -> None:
        self.connections = 0
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                connection.settimeout(5)
                received = b""
                while b"\r\n\r\n" not in received:
                    part = connection.recv(65536)
                    if not part:
                        break
                    received += part
                if received:
                    connection.sendall(self._answer)
