"""Reads the spool on, hands what it read to observers, and puts it into the archive in batches, exactly once.

What is not in the archive yet is still in the spool: a segment is removed only after the manifest holds all of it. So
nothing here needs to survive a crash, and a stopped disk only makes the spool grow.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from stockade.core import spool
from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import Anchor
from stockade.store.archive.rows import joined, rows_of
from stockade.store.archive.writer import ArchiveWriter, Batch

LOG = logging.getLogger("stockade.ingest")

BATCH_ROWS = 50_000
"""Rows at which a batch is put into the archive; bounds the memory that waits."""

BATCH_US = 15_000_000
"""Age at which a batch is put into the archive however small it is, microseconds."""

RETRY_US = 5_000_000
"""How long a failed batch waits before it is tried again, microseconds."""

PAGES = 8
"""Pages read in one step, so that one step does not last."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Records as they were read, for observers."""

    lines: bytes
    """JSON lines of `{"seq": .., "record": {..}}`."""
    tables: Mapping[DataClass, pa.Table]
    """The same as rows."""
    missing: int
    """Records that were missing between these."""


class Observer(Protocol):
    """Hears of every record once for each start of control, soon after it was written."""

    def take(self, taken: Taken) -> None:
        """Take records in; must not wait and must not keep the tables."""


class Ingest:
    """Joins one spool to one archive; not for several threads.

    Args:
        folder: the spool folder; it need not exist yet.
        writer: the archive.
        observers: who hears of records, in this order.
    """

    def __init__(self, folder: Path, writer: ArchiveWriter, observers: Sequence[Observer] = ()) -> None:
        self._folder = folder
        self._writer = writer
        self._observers = observers
        self._pending = _Pending()
        self._retry_at = 0
        self.problem: str | None = None
        self.last_seq = writer.manifest.through
        self._epoch = self._epoch_of_spool()
        self._tail = spool.Tail(folder, self.last_seq)

    @property
    def waiting(self) -> int:
        """Records that were read and are not in the archive yet."""
        return self._pending.records

    def step(self, now: int) -> int:
        """Read what is new, and put a batch into the archive when it is due; never waits.

        Args:
            now: microseconds since the epoch of Unix.

        Returns:
            How many records were read.

        Raises:
            StockadeError: the spool cannot be read.
        """
        read = 0
        for _ in range(PAGES):
            if self._pending.rows >= BATCH_ROWS and not self._flush(now):
                # The disk does not take it: the spool keeps what comes.
                return read
            lines = self._tail.read_lines()
            self._pending.missing += lines.missing
            self._pending.damaged += lines.damaged
            if not lines.content:
                break
            read += self._take(lines, now)
        if self._pending.records and now - self._pending.since >= BATCH_US:
            self._flush(now)
        return read

    def flush(self, now: int) -> bool:
        """Put all that was read into the archive; False when the disk does not take it."""
        self._retry_at = 0
        return not self._pending.records or self._flush(now)

    def _take(self, lines: spool.Lines, now: int) -> int:
        rows = rows_of(lines.content, self._epoch)
        count = lines.content.count(b"\n")
        self._pending.add(rows.tables, count, rows.unread, now)
        self._pending.through = self.last_seq = lines.last
        for observer in self._observers:
            try:
                observer.take(Taken(lines.content, rows.tables, lines.missing))
            except Exception:
                # Whoever listens must not stop the events from being kept.
                LOG.exception("%s failed", type(observer).__name__)
        return count

    def _flush(self, now: int) -> bool:
        if now < self._retry_at:
            return False
        try:
            self._writer.commit(self._pending.batch(self._epoch, self._anchor()))
        except OSError as error:
            if self.problem is None:
                LOG.error("cannot write events: %s; the spool keeps them", error)
            self.problem = f"cannot write events: {error.strerror or error}"
            self._retry_at = now + RETRY_US
            return False
        self.problem = None
        self._pending = _Pending()
        self._release()
        return True

    def _release(self) -> None:
        """Remove segments that are in the archive whole; the newest one stays, the gateway counts on from it."""
        through = self._writer.manifest.through
        segments = spool.segments(self._folder)
        for segment, after in pairwise(segments):
            if after.first > through + 1:
                break
            try:
                segment.path.unlink(missing_ok=True)
            except OSError as error:
                LOG.warning("cannot remove `%s`: %s", segment.path, error)
                return

    def _anchor(self) -> Anchor | None:
        read = [segment for segment in spool.segments(self._folder) if segment.first <= self.last_seq]
        return Anchor(read[-1].path.name, read[-1].created) if read else self._writer.manifest.anchor

    def _epoch_of_spool(self) -> int:
        """The epoch, raised when the spool is another one than the manifest knows: its numbers begin anew."""
        manifest = self._writer.manifest
        try:
            newest = spool.read_newest(self._folder, limit=1)
            segments = spool.segments(self._folder)
        except (OSError, StockadeError):
            return manifest.epoch
        if not newest or newest[0].seq >= manifest.through or manifest.anchor is None:
            return manifest.epoch
        if any(Anchor(segment.path.name, segment.created) == manifest.anchor for segment in segments):
            # The same spool, of which a power cut took records that were read before.
            return manifest.epoch
        LOG.warning("the spool began anew: its records are taken as new ones")
        self.last_seq = 0
        return manifest.epoch + 1


class _Pending:
    """What was read and waits for its batch."""

    def __init__(self) -> None:
        self._tables: dict[DataClass, list[pa.Table]] = {data_class: [] for data_class in DataClass}
        self.rows = 0
        self.records = 0
        self.missing = 0
        self.damaged = 0
        self.through = 0
        self.since = 0
        self._unread = 0

    def add(self, tables: Mapping[DataClass, pa.Table], records: int, unread: int, now: int) -> None:
        """Take rows in."""
        if not self.records:
            self.since = now
        for data_class, table in tables.items():
            if table.num_rows:
                self._tables[data_class].append(table)
                self.rows += table.num_rows
        self.records += records
        self._unread += unread

    def batch(self, epoch: int, anchor: Anchor | None) -> Batch:
        """All of it as one batch."""
        return Batch(
            epoch=epoch,
            through=self.through,
            tables={data_class: joined(tables, data_class) for data_class, tables in self._tables.items()},
            records=self.records,
            missing=self.missing,
            damaged=self.damaged,
            unread=self._unread,
            anchor=anchor,
        )
