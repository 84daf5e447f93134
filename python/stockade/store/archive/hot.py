"""The newest records, which are in the spool and not yet in the archive, as rows.

Kept between questions, so that each costs only what was written since the last one. Bounded: what is more than a batch
goes to temporary Parquet files, as after a long stop of control; encrypted where the archive has a key.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stockade.core import spool
from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import ArchiveFile, Manifest
from stockade.store.archive.parquet import Parquet
from stockade.store.archive.rows import joined, rows_of

MEMORY_ROWS = 100_000
"""Rows kept in memory; more go to temporary files."""


class SpillFolder:
    """A temporary folder that goes with the last who uses it.

    Args:
        key: key that its files are encrypted with; None for plain ones.
    """

    def __init__(self, key: bytes | None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="stockade-events-"))
        self.parquet = Parquet(self.path, key, encrypt=key is not None)
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Hot:
    """The newest records at one moment."""

    manifest: Manifest
    """The archive that they follow: a record is in its files or here, never in both."""
    tables: Mapping[DataClass, pa.Table]
    """Rows in memory."""
    spilled: Mapping[DataClass, tuple[ArchiveFile, ...]] = field(default_factory=dict)
    """Temporary Parquet files with more rows."""
    folder: SpillFolder | None = None
    """Where those are; they stay for as long as this is used."""


@dataclass(slots=True)
class _Page:
    last: int
    tables: Mapping[DataClass, pa.Table]


class HotRows:
    """Follows one spool behind one archive; may be used from several threads.

    Args:
        spool_folder: the spool.
        archive: folder of events.
        key: key of the archive; None when it is plain.
    """

    def __init__(self, spool_folder: Path, archive: Path, key: bytes | None = None) -> None:
        self._key = key
        self._spool = spool_folder
        self._archive = archive
        self._lock = threading.Lock()
        self._begin(Manifest())

    def read(self) -> Hot:
        """The archive as it is and everything behind it.

        Raises:
            StockadeError: the spool or the manifest cannot be read.
        """
        with self._lock:
            # The manifest first: what is committed after that is still in the pages here, or still in the spool.
            manifest = Manifest.load(self._archive)
            if manifest.epoch != self._epoch or manifest.through > self._last:
                self._begin(manifest)
            self._drop(manifest.through)
            self._follow()
            tables = {
                data_class: joined([page.tables[data_class] for page in self._pages], data_class)
                for data_class in DataClass
            }
            spilled = {
                data_class: tuple(file for _, found in self._spilled if (file := found.get(data_class)))
                for data_class in DataClass
            }
            return Hot(manifest, tables, spilled, self._folder)

    def _begin(self, manifest: Manifest) -> None:
        self._epoch = manifest.epoch
        self._last = manifest.through
        self._pages: list[_Page] = []
        self._spilled: list[tuple[int, dict[DataClass, ArchiveFile]]] = []
        self._folder: SpillFolder | None = None
        self._tail = spool.Tail(self._spool, manifest.through)

    def _drop(self, through: int) -> None:
        while self._spilled and self._spilled[0][0] <= through:
            self._spilled.pop(0)
        # A commit ends where a page of the ingest ended, which need not be where one of these did.
        kept = []
        for page in self._pages:
            if page.last > through:
                if page.tables and _first(page.tables) <= through:
                    page = _Page(page.last, {name: _after(table, through) for name, table in page.tables.items()})
                kept.append(page)
        self._pages = kept
        if self._spilled and through:
            # Rows of a spilled file may be in the archive by now: read it all again, from the new place.
            self._begin(Manifest(epoch=self._epoch, through=through))

    def _follow(self) -> None:
        while (lines := self._tail.read_lines()).content:
            self._pages.append(_Page(lines.last, rows_of(lines.content, self._epoch).tables))
            self._last = lines.last
            if sum(page.tables[DataClass.FACTS].num_rows for page in self._pages) > MEMORY_ROWS:
                self._spill()

    def _spill(self) -> None:
        if self._folder is None:
            self._folder = SpillFolder(self._key)
        found: dict[DataClass, ArchiveFile] = {}
        for data_class in DataClass:
            table = joined([page.tables[data_class] for page in self._pages], data_class)
            if table.num_rows:
                name = f"{self._last}-{data_class}.parquet"
                found[data_class] = self._folder.parquet.write(name, data_class, [table])
        self._spilled.append((self._last, found))
        self._pages = []


def _first(tables: Mapping[DataClass, pa.Table]) -> int:
    return min((int(table["seq"][0].as_py()) for table in tables.values() if table.num_rows), default=1 << 62)


def _after(table: pa.Table, through: int) -> pa.Table:
    return table.filter(pc.greater(table["seq"], through))
