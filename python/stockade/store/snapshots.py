"""Snapshots of what is remembered: JSON lines in a gzip file, written whole; older ones are kept to go back to."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError

KEPT = 24
"""Older snapshots kept."""

APART_US = 3_600_000_000
"""Time between two of them, microseconds."""


class Snapshots:
    """The snapshots of one folder.

    Args:
        folder: made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def current(self) -> Path:
        """The newest one."""
        return self._folder / "current.gz"

    def write(self, lines: Iterable[Any], now: int) -> None:
        """Write the newest one, and keep it when the last one kept is old enough.

        Raises:
            OSError: the folder cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(prefix=".current.", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as raw:
                with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as out:
                    for line in lines:
                        out.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
                    out.write(b'"end"\n')
                raw.flush()
                os.fsync(raw.fileno())
            Path(temporary).replace(self.current)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        kept = self.kept()
        if not kept or kept[-1] + APART_US <= now:
            shutil.copyfile(self.current, self._folder / f"{now}.gz")
            for old in self.kept()[:-KEPT]:
                (self._folder / f"{old}.gz").unlink(missing_ok=True)

    def kept(self) -> list[int]:
        """Moments of older ones, the oldest first, microseconds since the epoch."""
        if not self._folder.is_dir():
            return []
        return sorted(int(file.stem) for file in self._folder.glob("*.gz") if file.stem.isdecimal())

    def read(self, moment: int | None = None) -> Iterator[Any]:
        """The lines of the newest one, or of one that was kept.

        Raises:
            StockadeError: it is not there, is damaged or was not written to its end.
        """
        file = self.current if moment is None else self._folder / f"{moment}.gz"
        last = None
        try:
            with gzip.open(file, "rb") as lines:
                for line in lines:
                    if last is not None:
                        yield last
                    last = json.loads(line)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise StockadeError(
                "model.unreadable",
                f"the model in `{file}` cannot be read: {error}",
                "it is learned anew from the spool; `stockade model rollback` goes back to an older one",
            ) from error
        if last != "end":
            raise StockadeError(
                "model.unreadable",
                f"the model in `{file}` was not written to its end",
                "it is learned anew from the spool; `stockade model rollback` goes back to an older one",
            )

    def set_aside(self) -> None:
        """Put a newest one that cannot be used out of the way, for people to look at."""
        self.current.replace(self._folder / "unreadable.gz")
