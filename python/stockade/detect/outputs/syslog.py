"""Syslog (RFC 5424) over UDP, TCP (RFC 6587, octet counting) or TLS (RFC 5425); the message is OCSF as JSON."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from stockade.detect.outputs.file import line_of
from stockade.detect.outputs.ocsf import ocsf_of
from stockade.detect.outputs.sink import Record

FACILITY = 13
"""Log audit (RFC 5424, table 1)."""

_SEVERITIES = {"allowed": 6, "would_refuse": 5, "refused": 4, "failed": 3}
DATAGRAM_BYTES = 8192
"""Longest datagram; a longer message is cut, as RFC 5424 6.1 allows."""

WAIT_S = 10.0
"""Longest wait for the receiver, seconds."""


class SyslogSink:
    """Sends to one receiver; a connection is opened when first needed.

    Args:
        transport: how.
        host: name or address.
        port: port.
        version: of Stockade.
    """

    def __init__(self, transport: Literal["udp", "tcp", "tls"], host: str, port: int, version: str) -> None:
        self._transport = transport
        self._place = (host, port)
        self._version = version
        self._socket: socket.socket | None = None

    def send(self, batch: Sequence[Record], number: int) -> None:
        """Send a batch; see `Sink`."""
        messages = [message for record in batch for message in messages_of(record, self._version)]
        if self._socket is None:
            self._socket = self._connect()
        try:
            if self._transport == "udp":
                for message in messages:
                    self._socket.send(message[:DATAGRAM_BYTES])
            else:
                self._socket.sendall(b"".join(b"%d %s" % (len(message), message) for message in messages))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        if self._transport == "udp":
            family, kind, protocol, _, address = socket.getaddrinfo(*self._place, type=socket.SOCK_DGRAM)[0]
            opened = socket.socket(family, kind, protocol)
            opened.connect(address)
            return opened
        plain = socket.create_connection(self._place, WAIT_S)
        plain.settimeout(WAIT_S)
        if self._transport == "tcp":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self._place[0])
        except BaseException:
            plain.close()
            raise


def messages_of(record: Record, version: str) -> list[bytes]:
    """The messages of one record."""
    if record.get("kind") != "exchange":
        return []
    moment = datetime.fromtimestamp(record["time"] / 1_000_000, UTC).isoformat(timespec="microseconds")
    priority = FACILITY * 8 + _SEVERITIES.get(record["verdict"], 5)
    host = _word(record["gateway"], 255)
    head = f"<{priority}>1 {moment.replace('+00:00', 'Z')} {host} stockade - "
    return [f"{head}{event['class_uid']} - {line_of(event).rstrip()}".encode() for event in ocsf_of(record, version)]


def _word(text: str, most: int) -> str:
    return "".join(letter if "!" <= letter <= "~" else "_" for letter in text)[:most] or "-"
