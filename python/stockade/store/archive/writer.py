"""Takes batches of the spool into the archive exactly once, and keeps it small.

Order of every change: the new files are brought to the disk, then the manifest that names them, then what it no longer
names is removed. Killed between two steps, the next start finds the manifest of before or of after, and removes files
that neither names.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import Anchor, ArchiveFile, Manifest
from stockade.store.archive.parquet import Parquet

HOUR_US = 3_600_000_000
"""Microseconds of an hour."""

GRACE_US = 60_000_000
"""How long a file that no longer counts stays for those who are still reading it, microseconds."""

FILE_ROWS = 2_000_000
"""Rows at which a file is not merged any further."""

SMALL_FILES = 16
"""Files of one hour that are merged while the hour still goes on."""

SETTLED_US = 600_000_000
"""How long after its end an hour is taken as over, microseconds."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A run of records, as rows."""

    epoch: int
    """Epoch of the spool."""
    through: int
    """Largest sequence number of the run."""
    tables: Mapping[DataClass, pa.Table]
    """Rows by data class."""
    records: int
    """Records in the run, those that could not be understood included."""
    missing: int = 0
    """Records that were missing between these."""
    damaged: int = 0
    """Damaged places passed."""
    unread: int = 0
    """Records that could not be understood."""
    anchor: Anchor | None = None
    """Newest segment that was read."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long and how much of one data class is kept."""

    age_us: int
    """Microseconds after which a file goes."""
    bytes: int
    """Bytes above which the oldest files go."""


class ArchiveWriter:
    """The one writer of an archive; others may read meanwhile.

    Args:
        folder: folder of events; made when it is not there.
        key: key of encrypted files; None when there are none.
        encrypt: whether new files are encrypted.

    Raises:
        StockadeError: another process writes to it, or its manifest cannot be read.
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: Path, key: bytes | None = None, *, encrypt: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._parquet = Parquet(folder, key, encrypt=encrypt)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.manifest = Manifest.load(folder)
        except BlockingIOError as error:
            os.close(self._lock)
            raise StockadeError(
                "archive.locked",
                f"events folder `{folder}` is being written by another process",
                "run one control process for each data folder",
            ) from error
        except BaseException:
            os.close(self._lock)
            raise
        self._tidy()

    def close(self) -> None:
        """Let another process write."""
        os.close(self._lock)

    def commit(self, batch: Batch) -> None:
        """Take a batch in; one that was taken before changes nothing.

        Raises:
            OSError: the disk does not take it; nothing of it is visible and it can be tried again.
        """
        if batch.epoch < self.manifest.epoch or (
            batch.epoch == self.manifest.epoch and batch.through <= self.manifest.through
        ):
            return
        number = self.manifest.commit + 1
        files = [
            self._parquet.write(_name(data_class, hour, number), data_class, [rows])
            for data_class, table in batch.tables.items()
            for hour, rows in _by_hour(table)
        ]
        before = self.manifest
        self._save(
            replace(
                before,
                commit=number,
                epoch=batch.epoch,
                through=batch.through,
                anchor=batch.anchor or before.anchor,
                records=before.records + batch.records,
                missing=before.missing + batch.missing,
                damaged=before.damaged + batch.damaged,
                unread=before.unread + batch.unread,
                files=(*before.files, *files),
            )
        )

    def compact(self, now: int) -> bool:
        """Merge the small files of one hour; call it again while it answers True.

        Args:
            now: microseconds since the epoch of Unix.

        Raises:
            OSError: the disk does not take it; the small files stay.
        """
        hours: dict[str, list[ArchiveFile]] = {}
        for file in self.manifest.files:
            if file.rows < FILE_ROWS:
                hours.setdefault(file.hour, []).append(file)
        for hour, files in hours.items():
            over = files[0].oldest // HOUR_US * HOUR_US + HOUR_US + SETTLED_US < now
            if len(files) < (2 if over else SMALL_FILES):
                continue
            chosen = _up_to(sorted(files, key=lambda file: (file.epoch, file.first)), FILE_ROWS)
            if len(chosen) < 2:
                continue
            name = f"{hour}/{self.manifest.commit + 1:010}.parquet"
            merged = self._parquet.write(name, chosen[0].data_class, self._rows(chosen))
            self._save(self.manifest.replaced(chosen, [merged], now))
            return True
        return False

    def retain(self, keep: Mapping[DataClass, Keep], now: int) -> int:
        """Let go of what is too old or too much.

        Args:
            keep: what each data class may have; a class that is not named stays.
            now: microseconds since the epoch of Unix.

        Returns:
            How many files went.

        Raises:
            OSError: the manifest cannot be written; nothing went.
        """
        gone: list[ArchiveFile] = []
        for data_class, limits in keep.items():
            left = limits.bytes
            for file in reversed(self.manifest.of(data_class)):
                left -= file.bytes
                if left < 0 or file.newest < now - limits.age_us:
                    gone.append(file)
        if gone:
            self._save(self.manifest.replaced(gone, [], now))
        return len(gone)

    def sweep(self, now: int) -> None:
        """Remove files that no longer count and that nobody can still be reading.

        Args:
            now: microseconds since the epoch of Unix.

        Raises:
            OSError: the manifest cannot be written.
        """
        ripe = [leftover for leftover in self.manifest.leftovers if abs(now - leftover.since) >= GRACE_US]
        if not ripe:
            return
        for leftover in ripe:
            self._remove(self._folder / leftover.path)
        kept = tuple(leftover for leftover in self.manifest.leftovers if leftover not in ripe)
        self._save(replace(self.manifest, leftovers=kept))

    def _save(self, manifest: Manifest) -> None:
        manifest.save(self._folder)
        self.manifest = manifest

    def _rows(self, files: Iterable[ArchiveFile]) -> Iterator[pa.Table]:
        for file in files:
            yield from self._parquet.batches(file)

    def _tidy(self) -> None:
        """Remove what a killed writer left: no manifest names it."""
        named = {file.path for file in self.manifest.files} | {file.path for file in self.manifest.leftovers}
        for data_class in DataClass:
            # Listed whole first: folders go with their last file.
            for path in list((self._folder / data_class).rglob("*.p*")):
                if str(path.relative_to(self._folder)) not in named:
                    self._remove(path)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent):
            try:
                folder.rmdir()
            except OSError:
                return


def _name(data_class: DataClass, hour: int, commit: int) -> str:
    moment = datetime.fromtimestamp(hour * 3600, UTC)
    return f"{data_class}/date={moment:%Y-%m-%d}/hour={moment:%H}/{commit:010}.parquet"


def _by_hour(table: pa.Table) -> Iterator[tuple[int, pa.Table]]:
    if not table.num_rows:
        return
    hours = pc.divide(table["time"], HOUR_US)
    found = sorted(pc.unique(hours).to_pylist())
    if len(found) == 1:
        yield found[0], table
        return
    for hour in found:
        yield hour, table.filter(pc.equal(hours, hour))


def _up_to(files: list[ArchiveFile], rows: int) -> list[ArchiveFile]:
    chosen: list[ArchiveFile] = []
    total = 0
    for file in files:
        total += file.rows
        if total > rows and chosen:
            break
        chosen.append(file)
    return chosen
