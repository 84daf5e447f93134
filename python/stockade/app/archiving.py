"""Keeps the archive of a data folder going: takes events in, merges small files, lets go of old ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from stockade.app.clock import Clock
from stockade.config.events import Events
from stockade.core.errors import StockadeError
from stockade.detect.ingest.ingest import Ingest, Observer
from stockade.store.archive.columns import DataClass
from stockade.store.archive.key import make_key, read_key
from stockade.store.archive.writer import ArchiveWriter, Keep
from stockade.store.folder import DataFolder

if TYPE_CHECKING:
    from stockade.store.queries.shipping import Shipping

LOG = logging.getLogger("stockade.events")

SHIP_US = 5_000_000
"""Time between two looks for events that PostgreSQL has not yet, microseconds."""

SHIP_RETRY_US = 30_000_000
"""How long a PostgreSQL that did not answer is left alone, microseconds."""

TIDY_US = 60_000_000
"""Time between two looks for small, old and dead files, microseconds."""


class Archiving:
    """Joins ingest and upkeep; for one thread.

    Args:
        folder: the data folder.
        settings: what is kept, and how.
        clock: microseconds since the epoch.
        observers: who hears of every record.

    Raises:
        StockadeError: another process writes to the archive, or it or its key cannot be read.
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: DataFolder, settings: Events, clock: Clock, observers: Sequence[Observer] = ()) -> None:
        key = make_key(folder.events_key) if settings.encrypt else read_key(folder.events_key)
        self._writer = ArchiveWriter(folder.events, key, encrypt=settings.encrypt)
        self._keep = keeping(settings)
        self._clock = clock
        self._ingest = Ingest(folder.spool, self._writer, observers)
        self._tidy_at = clock() + TIDY_US
        self._ship = _shipping(folder, settings, key)

    @property
    def problem(self) -> str | None:
        """What keeps events from being written; None when nothing does."""
        return self._ingest.problem or self._ship.problem

    def status(self) -> dict[str, int]:
        """Numbers for metrics: what was taken, what was missing, what waits, what lies on disk."""
        manifest = self._writer.manifest
        sizes = {
            f"{data_class}_bytes": sum(file.bytes for file in manifest.files if file.data_class is data_class)
            for data_class in DataClass
        }
        return {
            "records": manifest.records,
            "missing": manifest.missing,
            "damaged": manifest.damaged,
            "unread": manifest.unread,
            "waiting": self._ingest.waiting,
            "files": len(manifest.files),
            **sizes,
        }

    def step(self) -> None:
        """Take in what is new; now and then, tidy up.

        Raises:
            StockadeError: the spool cannot be read.
        """
        now = self._clock()
        self._ingest.step(now)
        self._ship.step(now)
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_US
        try:
            self._writer.retain(self._keep, now)
            # One hour at a time: events go first.
            if self._writer.compact(now):
                self._tidy_at = now
            self._writer.sweep(now)
        except OSError as error:
            LOG.warning("cannot tidy up events: %s", error)

    def close(self) -> None:
        """Put everything that was read into the archive, and let another process write."""
        self._ingest.flush(self._clock())
        self._writer.close()


class _Ship:
    """Brings events to PostgreSQL when there is one; a database that is away is tried again."""

    def __init__(self, begin: Callable[[], Shipping] | None) -> None:
        self._begin = begin
        self._shipping: Shipping | None = None
        self._next_at = 0
        self.problem: str | None = None

    def step(self, now: int) -> None:
        """Bring a batch, when it is time."""
        if self._begin is None or now < self._next_at:
            return
        try:
            self._shipping = self._shipping or self._begin()
            if not self._shipping.step():
                self._next_at = now + SHIP_US
            self.problem = None
        except (StockadeError, OSError) as error:
            if self.problem is None:
                LOG.error("%s; the archive keeps events until it answers", error)
            self.problem = str(error)
            self._next_at = now + SHIP_RETRY_US


def _shipping(folder: DataFolder, settings: Events, key: bytes | None) -> _Ship:
    if settings.postgresql is None:
        return _Ship(None)
    url = settings.postgresql.get_secret_value()

    def begin() -> Shipping:
        # Loaded only where there is a database.
        from stockade.store.queries.postgres import PostgresEvents
        from stockade.store.queries.shipping import Shipping

        return Shipping(folder.events, key, PostgresEvents(url, str(folder.path.resolve())))

    return _Ship(begin)


def keeping(settings: Events) -> Mapping[DataClass, Keep]:
    """What is kept of each data class."""
    return {
        DataClass.FACTS: Keep(settings.facts.age.ms * 1000, settings.facts.size.bytes),
        DataClass.EVIDENCE: Keep(settings.evidence.age.ms * 1000, settings.evidence.size.bytes),
        DataClass.NOTICES: Keep(settings.notices.age.ms * 1000, settings.notices.size.bytes),
    }
