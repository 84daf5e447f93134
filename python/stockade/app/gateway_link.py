"""Asks a running gateway over its control socket: one JSON object a line, one answer a line."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError

ANSWER_BYTES = 4 * 1024 * 1024
"""Longest answer that is read."""


class GatewayUnreachableError(StockadeError):
    """No gateway answers on the socket."""


class GatewayLink:
    """The control socket of one gateway. Each question is a connection of its own.

    Args:
        path: `gateway.sock` in the data folder.
        timeout_s: seconds a question may take.
    """

    def __init__(self, path: Path, timeout_s: float = 5.0) -> None:
        self._path = path
        self._timeout_s = timeout_s

    def reload(self) -> dict[str, Any]:
        """Have it read the bundle in force, decisions and certificates again.

        Returns:
            `{"ok": true, "bundle": N}` or `{"ok": false, "code": ..., "problem": ...}`.

        Raises:
            GatewayUnreachableError: no gateway answered.
        """
        return self.ask("reload")

    def decisions(self) -> dict[str, Any]:
        """Have it read `decisions.json` again; `{"ok": true, "active": N}`.

        Raises:
            GatewayUnreachableError: no gateway answered.
        """
        return self.ask("decisions")

    def status(self) -> dict[str, Any]:
        """Its bundle, counters, spool, upstreams and process id.

        Raises:
            GatewayUnreachableError: no gateway answered.
        """
        return self.ask("status")

    def drain(self) -> dict[str, Any]:
        """Have it end in order.

        Raises:
            GatewayUnreachableError: no gateway answered.
        """
        return self.ask("drain")

    def ask(self, operation: str) -> dict[str, Any]:
        """Send one operation and read its answer.

        Raises:
            GatewayUnreachableError: no gateway answered in time, or its answer is not one.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(self._timeout_s)
                link.connect(str(self._path))
                link.sendall(json.dumps({"op": operation}).encode() + b"\n")
                line = _read_line(link)
            answer = json.loads(line)
        except (OSError, ValueError) as error:
            raise GatewayUnreachableError(
                "gateway.unreachable",
                f"the gateway does not answer on `{self._path}`: {error}",
                "start it with `stockade run`, or look at its log",
            ) from error
        if not isinstance(answer, dict):
            raise GatewayUnreachableError(
                "gateway.answer", f"expected a JSON object from the gateway, got `{line[:80]!r}`", None
            )
        return answer


def _read_line(link: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        part = link.recv(65536)
        if not part:
            break
        received += part
        if len(received) > ANSWER_BYTES:
            raise ValueError(f"expected an answer of at most {ANSWER_BYTES} bytes")
    return bytes(received)
