"""A client with an address of its own, so that limits by address see several clients."""

import contextlib
import socket
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx

from stockade.sample.traffic.call import Call

_TIMEOUT_S = 15.0
_SHOWN = 60
_LONGEST_ANSWER = 1024 * 1024


class Visitor:
    """Calls the shop through whatever stands at `base_url`."""

    def __init__(self, base_url: str, address: str | None, scenario: str, kind: str) -> None:
        """A client.

        Args:
            base_url: where to call.
            address: own address, one of 127.0.0.0/8; any when None.
            scenario: scenario that its calls belong to.
            kind: `ordinary` or `attack`.
        """
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._address = address if self._host.startswith("127.") or self._host == "localhost" else None
        transport = httpx.HTTPTransport(local_address=self._address)
        self._client = httpx.Client(base_url=base_url, transport=transport, timeout=_TIMEOUT_S, trust_env=False)
        self._scenario, self._kind = scenario, kind
        self.answer: Any = None
        """JSON of the last answer; None when it had none."""

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(
        self,
        name: str,
        method: str,
        path: str,
        expected: int | Iterable[int],
        *,
        token: str | None = None,
        **options: Any,
    ) -> Call:
        """Send a request and wait for the answer.

        Args:
            name: what it does.
            method: method.
            path: path and query, escaped as they are to be sent.
            expected: statuses that are right.
            token: bearer token.
            options: further arguments of `httpx.Client.request`, such as `json` and `headers`.
        """
        headers = dict(options.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self.answer = None
        started = time.perf_counter()
        try:
            response = self._client.request(method, path, headers=headers, **options)
        except httpx.HTTPError as error:
            return self._finish(name, f"{method} {path}", expected, started, detail=type(error).__name__)
        with contextlib.suppress(ValueError):
            self.answer = response.json()
        found = response.headers.get("x-stockade-id")
        return self._finish(name, f"{method} {path}", expected, started, response.status_code, found)

    def send(self, name: str, message: bytes, expected: int | Iterable[int]) -> Call:
        """Send bytes as they are and read the first answer, for what no proper client would send."""
        shown = message.split(b"\r\n")[0].decode("latin-1").removesuffix(" HTTP/1.1")
        started = time.perf_counter()
        source = (self._address, 0) if self._address else None
        answer = b""
        try:
            with socket.create_connection((self._host, self._port), _TIMEOUT_S, source) as connection:
                connection.sendall(message)
                while b"\r\n\r\n" not in answer and len(answer) < _LONGEST_ANSWER:
                    received = connection.recv(65536)
                    if not received:
                        break
                    answer += received
        except OSError as error:
            return self._finish(name, shown, expected, started, detail=type(error).__name__)
        head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        words = head[0].split(" ")
        status = int(words[1]) if len(words) > 1 and words[1].isdigit() else None
        fields = (line.partition(":") for line in head[1:])
        found = next((value.strip() for field, _, value in fields if field.lower() == "x-stockade-id"), None)
        return self._finish(name, shown, expected, started, status, found)

    def raw(self, name: str, target: str, expected: int | Iterable[int], token: str | None = None) -> Call:
        """GET a target exactly as it is written."""
        lines = [f"GET {target} HTTP/1.1", f"Host: {self._host}:{self._port}", "Connection: close"]
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        return self.send(name, "\r\n".join([*lines, "", ""]).encode("latin-1"), expected)

    def _finish(
        self,
        name: str,
        request: str,
        expected: int | Iterable[int],
        started: float,
        status: int | None = None,
        found: str | None = None,
        detail: str = "",
    ) -> Call:
        return Call(
            scenario=self._scenario,
            name=name,
            kind=self._kind,
            request=request if len(request) <= _SHOWN else f"{request[: _SHOWN - 3]}...",
            expected=(expected,) if isinstance(expected, int) else tuple(expected),
            status=status,
            id=found,
            ms=(time.perf_counter() - started) * 1000,
            detail=detail,
        )
