"""One request as a log tells of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit


class Entry(NamedTuple):
    """What a line said; what it did not say is None."""

    method: str
    """Method."""
    path: str
    """Path as it was asked for, without query."""
    query: str | None = None
    """Query."""
    status: int | None = None
    """Status of the answer."""
    address: str | None = None
    """Address of the caller."""
    user: str | None = None
    """Who the server took the caller for."""
    agent: str | None = None
    """`User-Agent`."""
    second: int | None = None
    """When, seconds since the epoch."""
    host: str | None = None
    """Host asked for."""
    request_shape: str | None = None
    """Fields of the request's body, as `shapes.shape_of` writes them."""
    response_shape: str | None = None
    """Fields of the response's body."""


Parser = Callable[[str], Entry | None]
"""Reads one line; None when it is none of this format."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
"""Methods that are believed; anything else in their place is not a request."""

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}


def entry_of(
    method: str,
    target: str,
    status: str | int | None,
    *,
    address: str | None = None,
    user: str | None = None,
    agent: str | None = None,
    second: int | None = None,
    host: str | None = None,
) -> Entry | None:
    """An entry from the parts of a line; None when these are no request.

    Args:
        method: method.
        target: path with query, or a whole URL.
        status: status, or `-`.
        address: of the caller, also with a port.
        user: the user, or `-`.
        agent: the user agent, or `-`.
        second: seconds since the epoch.
        host: host asked for.
    """
    if method not in METHODS:
        return None
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            return None
        if not parts.scheme:
            return None
        target, host = (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), host or parts.netloc
    path, _, query = target.partition("?")
    number = None
    if status is not None and str(status).isdecimal():
        number = int(status)
        if not 100 <= number <= 599:
            number = None
    return Entry(method, path, query or None, number, address, _said(user), _said(agent), second, host)


def _said(text: str | None) -> str | None:
    return None if text in (None, "", "-") else text


def clf_second(text: str) -> int | None:
    """Seconds of a time such as `24/Nov/2026:20:15:04 +0000`."""
    try:
        day, month, year = int(text[:2]), _MONTHS[text[3:6]], int(text[7:11])
        hour, minute, second = int(text[12:14]), int(text[15:17]), int(text[18:20])
        zone = (int(text[22:24]) * 3600 + int(text[24:26]) * 60) * (-1 if text[21] == "-" else 1)
        return _days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone
    except (ValueError, KeyError, IndexError):
        return None


def iso_second(text: str) -> int | None:
    """Seconds of a time in ISO 8601; UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _days(year: int, month: int, day: int) -> int:
    return datetime(year, month, day).toordinal() - 719_163
