"""The newest records in memory, and what was counted since control started."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from stockade.model.event import Event
from stockade.store.events import Stored
from stockade.store.filter import EventFilter

REASONS_COUNTED = 512
"""Distinct reasons counted; a newer gateway cannot make control grow without end."""


@dataclass(slots=True)
class Tally:
    """Counts of exchanges since control started."""

    verdicts: Counter[str] = field(default_factory=Counter)
    """By verdict."""
    reasons: Counter[str] = field(default_factory=Counter)
    """By reason of the last refusal."""
    apis: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By API and verdict."""
    notices: Counter[str] = field(default_factory=Counter)
    """By code of the notice."""


class RecentEvents:
    """A ring of the newest records; all methods may be called from any thread.

    Args:
        capacity: records kept; the oldest gives way.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._records: deque[Stored] = deque(maxlen=capacity)
        self._by_id: dict[str, Stored] = {}
        self._tally = Tally()
        self._lock = threading.Lock()

    def add(self, records: Iterable[Stored], *, count: bool = True) -> None:
        """Take records in, oldest first.

        Args:
            records: the next ones of the spool.
            count: False for those that were written before control started.
        """
        with self._lock:
            for stored in records:
                self._keep(stored)
                if count:
                    self._count(stored)

    def newest(self, wanted: EventFilter, limit: int) -> list[Stored]:
        """The newest records that fit, newest first."""
        with self._lock:
            snapshot = list(self._records)
        found: list[Stored] = []
        for stored in reversed(snapshot):
            if len(found) >= limit:
                break
            if wanted.fits(stored.record):
                found.append(stored)
        return found

    def after(self, seq: int) -> list[Stored]:
        """Records behind a number of the spool, oldest first."""
        found: list[Stored] = []
        with self._lock:
            for stored in reversed(self._records):
                if stored.seq <= seq:
                    break
                found.append(stored)
        return found[::-1]

    def exchanges(self) -> list[Event]:
        """All exchanges in the ring, newest first."""
        with self._lock:
            return [stored.record for stored in reversed(self._records) if isinstance(stored.record, Event)]

    def find(self, exchange_id: str) -> Stored | None:
        """The exchange with this id, when it is still in the ring."""
        with self._lock:
            return self._by_id.get(exchange_id)

    def is_full(self) -> bool:
        """Whether older records may have given way."""
        return len(self._records) == self._records.maxlen

    def tally(self) -> Tally:
        """A copy of the counts."""
        with self._lock:
            return Tally(
                Counter(self._tally.verdicts),
                Counter(self._tally.reasons),
                Counter(self._tally.apis),
                Counter(self._tally.notices),
            )

    def _keep(self, stored: Stored) -> None:
        if len(self._records) == self._records.maxlen:
            oldest = self._records[0].record
            if isinstance(oldest, Event):
                self._by_id.pop(oldest.id, None)
        self._records.append(stored)
        if isinstance(stored.record, Event):
            self._by_id[stored.record.id] = stored

    def _count(self, stored: Stored) -> None:
        record = stored.record
        if not isinstance(record, Event):
            self._tally.notices[record.code] += 1
            return
        self._tally.verdicts[record.verdict] += 1
        self._tally.apis[(record.api or "", record.verdict)] += 1
        if record.refusals:
            reason = record.refusals[-1].reason
            known = reason in self._tally.reasons or len(self._tally.reasons) < REASONS_COUNTED
            self._tally.reasons[reason if known else "other"] += 1
