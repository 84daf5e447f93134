"""Reads recorded events, newest first or as they come: from the spool, and from the archive behind it.

What needs the archive loads it only then: following the spool does without Parquet and DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockade.core import spool
from stockade.model.event import Event, Record, record_from_json
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder

if TYPE_CHECKING:
    from stockade.store.queries.exchanges import Exchanges

BATCH = 1000
"""Records read at once."""

CLOCK_SLACK_US = 5_000_000
"""How far the order of the spool may differ from the order of the times in it, microseconds."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One record and its place in the spool."""

    seq: int
    """Sequence number in its spool; a gap means that records were dropped."""
    record: Record
    """The record."""
    raw: Mapping[str, Any]
    """The record as it was written, for `--json`."""


class EventStore:
    """The events of one data folder.

    Args:
        folder: the data folder; neither spool nor archive need exist yet.
    """

    def __init__(self, folder: DataFolder) -> None:
        self.data = folder
        self._folder = folder.spool
        self._exchanges: Exchanges | None = None

    def newest(self, limit: int, before: int | None = None) -> list[Stored]:
        """The newest records of the spool, newest first.

        Args:
            limit: records at most.
            before: only those with a smaller sequence number.

        Raises:
            StockadeError: the spool cannot be read.
        """
        return list(_records(spool.read_newest(self._folder, before=before, limit=limit)))

    def backwards(self) -> Iterator[Stored]:
        """All records of the spool, newest first, read in batches as they are asked for."""
        before: int | None = None
        limit = BATCH
        while entries := spool.read_newest(self._folder, before=before, limit=limit):
            yield from _records(entries)
            before = entries[-1].seq
            # Each page reads its segment from the start: whoever goes on wants much.
            limit = spool.PAGE_RECORDS_MAX

    def query(self, wanted: EventFilter, limit: int) -> Iterator[Stored]:
        """The newest records that fit, newest first; stops where records are older than `since`.

        Raises:
            StockadeError: they cannot be read, or that would read too much.
        """
        if self.data.has_archive() or wanted.needs_archive:
            yield from _records(self._archive().query(wanted, limit))
            return
        found = 0
        for stored in self.backwards():
            if found >= limit or _is_before(stored, wanted.since):
                return
            if wanted.fits(stored.record):
                found += 1
                yield stored

    def find(self, exchange_id: str) -> Stored | None:
        """The exchange with this id; None when it is not there, or the id is no id.

        Raises:
            StockadeError: spool or archive cannot be read.
        """
        entry = spool.find(self._folder, exchange_id.upper())
        found = entry or (self._archive().find(exchange_id.upper()) if self.data.has_archive() else None)
        return next(_records([found]), None) if found else None

    def follow(self, after: int) -> EventTail:
        """Follow the spool from behind a sequence number."""
        return EventTail(self._folder, after)

    def _archive(self) -> Exchanges:
        if self._exchanges is None:
            from stockade.store.queries.exchanges import Exchanges

            self._exchanges = Exchanges.of(self.data)
        return self._exchanges


class EventTail:
    """Follows the spool: each read goes on where the last one ended, and costs only what is new.

    Args:
        folder: spool folder; it need not exist yet.
        after: number of the last record that is known.
    """

    def __init__(self, folder: Path, after: int) -> None:
        self._tail = spool.Tail(folder, after)
        self.last_seq = after
        self.missing = 0

    def read(self) -> list[Stored]:
        """What was written since the last read, oldest first; never waits.

        Raises:
            StockadeError: the spool cannot be read.
        """
        page = self._tail.read(BATCH)
        self.missing += page.missing
        if page.entries:
            self.last_seq = page.entries[-1].seq
        return list(_records(page.entries))


def _is_before(stored: Stored, moment: int | None) -> bool:
    # A record is written when its exchange ends but dated when it began: a long exchange stands behind younger ones,
    # so only a short one tells that everything before it is older.
    if moment is None:
        return False
    record = stored.record
    ended = record.time + (record.timing.total_us if isinstance(record, Event) else 0)
    return ended + CLOCK_SLACK_US < moment


def _records(lines: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[Stored]:
    for seq, raw in lines:
        try:
            yield Stored(seq, record_from_json(raw), raw)
        except (KeyError, TypeError, ValueError):
            # Written by a gateway of another version: the rest of the spool is still good.
            continue
