"""The simulated API as a server of its own, for a real gateway in front of it.

It answers as in the world: passwords and codes are right when they say so, owners are asked for unless the operation
forgets.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stockade.sim.api import Answer
from stockade.sim.catalogue import Operation
from stockade.sim.ground import Ground

RIGHT = "right"
"""What a password or a code is that the API takes."""

LONGEST = 1_000_000
"""Longest answer, bytes."""


class Upstream:
    """The API of one world on a socket; `start` serves until `stop`.

    Args:
        ground: the world.
        address: where to listen.
        port: likewise; 0 takes a free one.
    """

    def __init__(self, ground: Ground, address: str = "127.0.0.1", port: int = 0) -> None:
        self._ground = ground
        self._chance = ground.chance("upstream")
        self._routes = _routes(ground)
        self._lock = threading.Lock()
        upstream = self

        class Handler(_Handler):
            answer_for = staticmethod(upstream.answer)

        self._server = ThreadingHTTPServer((address, port), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        """Serve from a thread."""
        threading.Thread(target=self._server.serve_forever, daemon=True, name="sim-upstream").start()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    def stop(self) -> None:
        """End."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, authorization: str, key: str, body: bytes) -> tuple[int, int]:
        """Answer one request.

        Returns:
            Status, and size of the body.
        """
        routes = ((one, pattern.fullmatch(path)) for one, pattern in self._routes if one.method == method)
        found = next(((one, match) for one, match in routes if match), None)
        if found is None:
            return 404, 80
        operation, match = found
        subject, role = self._caller(authorization, key)
        told = _fields(body)
        with self._lock:
            answer = self._ground.api.answer(operation, subject, role, match.groupdict(), self._chance)
        return self._outcome(operation, answer, told)

    def _outcome(self, operation: Operation, answer: Answer, told: dict[str, Any]) -> tuple[int, int]:
        catalogue = self._ground.catalogue
        if answer.status < 400 and operation.id in catalogue.login and told.get("password") != RIGHT:
            return 401, 90
        if answer.status < 400 and operation.id in catalogue.guessing and told.get("code") != RIGHT:
            return 422, 90
        return answer.status, min(answer.bytes, LONGEST)

    def _caller(self, authorization: str, key: str) -> tuple[str, str]:
        """Who calls, by a token that the gateway has verified, or by a key."""
        if key:
            person = self._ground.people.named.get(key.removeprefix("key-").partition(".")[0])
            return (person.name, person.role.name) if person else ("", "anonymous")
        parts = authorization.removeprefix("Bearer ").split(".")
        if len(parts) != 3:
            return "", "anonymous"
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return str(claims["sub"]), str(claims["roles"][0])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    answer_for: Callable[[str, str, str, str, bytes], tuple[int, int]]

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.partition("?")[0]
        headers = (self.headers.get("authorization") or "", self.headers.get("x-api-key") or "")
        status, size = self.answer_for(self.command, path, *headers, body)
        content = json.dumps({"data": "x" * max(0, size - 12)}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_PROPFIND = handle_any  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _routes(ground: Ground) -> list[tuple[Operation, re.Pattern[str]]]:
    found = []
    # Paths without parameters come first: `/orders/mine` is not an order.
    for operation in sorted(ground.catalogue.operations.values(), key=lambda one: len(one.parameters)):
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(operation.path))
        found.append((operation, re.compile(pattern)))
    return found


def _fields(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
