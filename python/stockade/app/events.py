"""Questions about recorded events, answered from spool and archive themselves: they work while control is down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from stockade.app.clock import Clock
from stockade.app.duration import moment_of
from stockade.core.errors import StockadeError
from stockade.store.events import EventStore, Stored
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder

__all__ = ["VERDICTS", "EventFilter", "Stored", "filter_of", "find", "follow", "newest"]

VERDICTS = ("allowed", "refused", "would_refuse", "failed")
"""How an exchange may end."""

FOLLOW_S = 0.2
"""Seconds between two looks for new events."""


def filter_of(
    now: int,
    *,
    since: str | None = None,
    until: str | None = None,
    verdict: str | None = None,
    status: int | None = None,
    api: str | None = None,
    operation: str | None = None,
    actor: str | None = None,
    path: str | None = None,
    reason: str | None = None,
    method: str | None = None,
    address: str | None = None,
    detector: str | None = None,
    object: str | None = None,
    text: str | None = None,
) -> EventFilter:
    """Build a filter from what a person asked for.

    Args:
        now: microseconds since the epoch; durations count back from it.
        since: oldest moment, written as in `app/duration.py`.
        until: newest moment, not included.
        verdict: one of `VERDICTS`.
        status: status that the caller got.
        api: API, by its name in config.
        operation: operation id.
        actor: `kind:id`, or the id alone.
        path: beginning of the path.
        reason: reason code, or a stage for all of its reasons.
        method: method.
        address: address of the caller or of the proxy before it.
        detector: detector or rule that found something.
        object: id of an object in the path or the query.
        text: text anywhere in the evidence.

    Raises:
        StockadeError: a value cannot be meant so.
    """
    if verdict is not None and verdict not in VERDICTS:
        raise StockadeError(
            "events.verdict", f"expected one of {', '.join(VERDICTS)} as verdict, got `{verdict[:40]}`", None
        )
    return EventFilter(
        since=moment_of(since, now) if since else None,
        until=moment_of(until, now) if until else None,
        verdict=verdict,
        status=status,
        api=api,
        operation=operation,
        actor=actor,
        path=path,
        reason=reason,
        method=method.upper() if method else None,
        address=address,
        detector=detector,
        object=object,
        text=text,
    )


def newest(data: Path, wanted: EventFilter, limit: int) -> Iterator[Stored]:
    """The newest records that fit, newest first, read as they are taken.

    Raises:
        StockadeError: there is no such data folder, or its spool cannot be read.
    """
    return _store(data).query(wanted, limit)


def find(data: Path, exchange_id: str) -> Stored | None:
    """The exchange with this id.

    Raises:
        StockadeError: there is no such data folder, or its spool cannot be read.
    """
    return _store(data).find(exchange_id)


def follow(data: Path, wanted: EventFilter, clock: Clock, pause: Callable[[float], None]) -> Iterator[Stored]:
    """Every record that fits and is written from here on, oldest first, without end.

    Args:
        data: data folder.
        wanted: which records.
        clock: microseconds since the epoch; ends at `until`.
        pause: waits so many seconds.

    Raises:
        StockadeError: there is no such data folder, or its spool cannot be read.
    """
    store = _store(data)
    last = store.newest(1)
    tail = store.follow(last[0].seq if last else 0)
    while wanted.until is None or clock() < wanted.until:
        batch = tail.read()
        yield from (stored for stored in batch if wanted.fits(stored.record))
        if not batch:
            pause(FOLLOW_S)


def _store(data: Path) -> EventStore:
    if not data.is_dir():
        raise StockadeError(
            "events.no_data",
            f"expected a data folder at `{data}`, found none",
            "name the folder of a running Stockade with `--data`, or start one with `stockade run`",
        )
    return EventStore(DataFolder(data))
