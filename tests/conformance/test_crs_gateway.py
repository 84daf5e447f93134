"""The regression tests of the OWASP Core Rule Set through a running gateway: raw bytes in, ModSecurity's log lines out.

The gateway stays as strict as ever: what is malformed is answered with 400 and not forwarded. The rules see it all the
same, so that the log tells what they would have said. Lines are found by the id that each answer carries.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.conformance.crs import judging, suite

DIFFER = {
    "920100-4": "expects 200 for CONNECT, which only a forward proxy serves: 405 here",
    "920100-5": "expects 400 for CONNECT without a port: 405 here, whatever its target",
    "921140-1": "expects no match beside the 400 for a bare CR in a field; the rules see what is refused, and match",
    "920181-1": "expects 200 for a body with two lengths, which is how requests are smuggled: 400 here",
    "920620-1": "expects 200 for two `Content-Type` fields, of which two servers may read different ones: 400 here",
}
"""Tests that fail, with the reason."""

_UNIQUE = re.compile(r'\[unique_id "([^"]+)"\]')
_ID = re.compile(rb"\r\nx-stockade-id: ([^\r]+)\r\n", re.IGNORECASE)


class Backend(BaseHTTPRequestHandler):
    """Answers as albedo does."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path if self.command == "POST" else "/"
        status, fields, content = judging.answer(path, body)
        self.send_response_only(status)
        for name, value in fields:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def __getattr__(self, name: str) -> object:
        """Serves any method."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@dataclass(frozen=True)
class Running:
    """A gateway with rules."""

    port: int
    log: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("crs")
    main = suite.main_file(folder)
    backend = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        port, admin = (int(one.getsockname()[1]) for one in sockets)
    command = [sys.executable, "-m", "stockade", "run", "--upstream", f"http://127.0.0.1:{backend.server_address[1]}"]
    command += ["--seclang", str(main), "--seclang-log", str(folder / "rules.log"), "--data", str(folder / "data")]
    command += ["--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}"]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        else:
            pytest.fail((folder / "out").read_text())
        yield Running(port, folder / "rules.log")
    finally:
        process.terminate()
        process.wait(40)
        backend.shutdown()
        backend.server_close()


def send(port: int, message: bytes) -> tuple[int | None, str]:
    """Send raw bytes on a connection of their own; the status and the id that came back."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.settimeout(10)
        received = b""
        with contextlib.suppress(OSError):
            connection.sendall(message)
        with contextlib.suppress(OSError):
            while not (b"\r\n\r\n" in received and _ID.search(received)):
                piece = connection.recv(65536)
                if not piece:
                    break
                received += piece
    found = _ID.search(received)
    words = received.split(b" ", 2)
    return (int(words[1]) if len(words) > 2 else None), (found.group(1).decode() if found else "")


@pytest.mark.skipif(not suite.DATA.is_dir(), reason=suite.MISSING)
def test_the_log_says_what_the_suite_expects(running: Running) -> None:
    cases = list(suite.cases())

    def one(case: suite.Case) -> list[tuple[int | None, str]]:
        return [send(running.port, stage.message) for stage in case.stages]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, cases))
    lines: dict[str, list[str]] = defaultdict(list)
    for line in running.log.read_text().splitlines():
        found = _UNIQUE.search(line)
        assert found, line
        lines[found.group(1)].append(line)
    failed: dict[str, str] = {}
    for case, answered in zip(cases, answers, strict=True):
        for stage, (status, exchange) in zip(case.stages, answered, strict=True):
            problem = judging.problem(stage, lines.get(exchange, []), status)
            if problem is not None:
                failed.setdefault(case.name, problem)
    assert len(cases) > 4000
    assert failed.keys() == DIFFER.keys(), failed
