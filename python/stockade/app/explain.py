"""What each stage saw and decided: of a recorded exchange, or of a request that is judged here and now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stockade.app import events
from stockade.core.errors import StockadeError
from stockade.model.event import Event

ID_LETTERS = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Crockford's base 32, in which ids are written."""

ID_LENGTH = 26
"""Letters of an id."""


def is_exchange_id(text: str) -> bool:
    """Whether a text can be the id of an exchange."""
    return len(text) == ID_LENGTH and ID_LETTERS.issuperset(text.upper())


def recorded(data: Path, exchange_id: str) -> tuple[Mapping[str, Any], Event]:
    """A recorded exchange: as it was written, and read.

    Raises:
        StockadeError: it is not in the spool.
    """
    stored = events.find(data, exchange_id)
    if stored is None or not isinstance(stored.record, Event):
        raise StockadeError(
            "explain.unknown",
            f"no event with id `{exchange_id}` in `{data}`",
            "events are written within 100 ms; old ones give way when the spool is full",
        )
    return stored.raw, stored.record
