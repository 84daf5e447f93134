"""The newest records that fit, from memory as far as it goes, and from the archive where memory ends."""

from __future__ import annotations

from stockade.app.control_state import ControlState
from stockade.store.events import Stored
from stockade.store.filter import EventFilter


def newest_of(state: ControlState, wanted: EventFilter, limit: int) -> list[Stored]:
    """The newest records that fit, newest first.

    Raises:
        StockadeError: the archive cannot be read, or that would read too much.
    """
    found = [] if wanted.needs_archive else state.recent.newest(wanted, limit)
    if len(found) < limit and (wanted.needs_archive or state.has_older or state.recent.is_full()):
        found = list(state.events.query(wanted, limit))
    return found
