"""Spans of time and moments as people write them: `10m`, `2h`, `2026-11-24T15:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from stockade.core.errors import StockadeError

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,9})([smhd])", re.ASCII)


def seconds_of(text: str) -> int:
    """Seconds of a duration such as `90s`, `10m`, `2h` or `7d`.

    Raises:
        StockadeError: it is not one.
    """
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise StockadeError(
            "duration", f"expected a duration, got `{text[:40]}`", "write it as `90s`, `10m`, `2h`, `7d`"
        )
    return int(found[1]) * _UNITS_S[found[2]]


def moment_of(text: str, now: int) -> int:
    """A moment in microseconds since the epoch.

    Args:
        text: a duration (so long ago), an ISO 8601 date or time (UTC when it names no zone), or microseconds.
        now: microseconds since the epoch.

    Raises:
        StockadeError: it is none of these.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= 17:
        return int(text)
    if _DURATION.fullmatch(text):
        return now - seconds_of(text) * 1_000_000
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise StockadeError(
            "moment", f"expected a moment, got `{text[:40]}`", "write it as `10m` (ago) or `2026-11-24T15:00:00Z`"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000)
