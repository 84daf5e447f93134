"""The manifest: which Parquet files count, and up to which record of the spool they hold everything.

A file that it does not name does not exist for a reader, so one rename puts a whole batch in force or leaves it out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass
from stockade.store.folder import write_whole

FORMAT = 1
"""Version of the manifest's shape."""

NAME = "manifest.json"
"""File name in the folder of events."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One Parquet file."""

    path: str
    """Relative to the folder of events: `facts/date=2026-11-24/hour=20/0000000012.parquet`."""
    data_class: DataClass
    """What it holds."""
    rows: int
    """Rows."""
    bytes: int
    """Bytes on disk."""
    epoch: int
    """Epoch of the spool that its records came from."""
    first: int
    """Smallest sequence number."""
    last: int
    """Largest sequence number."""
    oldest: int
    """Smallest time, microseconds since the epoch of Unix."""
    newest: int
    """Largest time."""
    encrypted: bool = False
    """Whether it can be read with the key alone."""

    @property
    def hour(self) -> str:
        """Folder of its class and hour."""
        return self.path.rpartition("/")[0]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(**{**value, "data_class": DataClass(value["data_class"])})


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that no longer counts and is removed once nobody can still be reading it."""

    path: str
    """Relative to the folder of events."""
    since: int
    """When it stopped to count, microseconds since the epoch of Unix."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest segment that was read: while it is there, the spool is the one that was read before."""

    segment: str
    """File name."""
    created: int
    """When the gateway made it, microseconds since the epoch of Unix."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in the archive. Frozen: a commit makes a new one."""

    commit: int = 0
    """Number of the last commit; file names come from it."""
    epoch: int = 1
    """Counts spools: raised when a spool begins anew, so that its numbers cannot be taken for old ones."""
    through: int = 0
    """Sequence number up to which everything of this epoch is in the files."""
    anchor: Anchor | None = None
    """Newest segment that was read."""
    records: int = 0
    """Records taken since the archive began."""
    missing: int = 0
    """Records that the spool should have had and had not: dropped, removed or damaged."""
    damaged: int = 0
    """Damaged places passed."""
    unread: int = 0
    """Records that were whole but could not be understood."""
    files: tuple[ArchiveFile, ...] = ()
    """Files that count."""
    leftovers: tuple[Leftover, ...] = ()
    """Files that no longer count but may still be there."""

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the manifest; an archive that does not exist is empty.

        Raises:
            StockadeError: the file is there but cannot be read or understood.
        """
        file = folder / NAME
        try:
            value = json.loads(file.read_bytes())
            if value["format"] != FORMAT:
                raise ValueError(f"format {value['format']}")
            anchor = value["anchor"]
            return cls(
                **{name: int(value[name]) for name in _NUMBERS},
                anchor=Anchor(**anchor) if anchor else None,
                files=tuple(ArchiveFile.from_json(item) for item in value["files"]),
                leftovers=tuple(Leftover(**item) for item in value["leftovers"]),
            )
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StockadeError(
                "archive.manifest",
                f"cannot read `{file}`: {error}",
                "restore it from a copy; events that are still in the spool are taken again into a new folder",
            ) from error

    def save(self, folder: Path) -> None:
        """Put this manifest in force.

        Raises:
            OSError: the disk does not take it; the one before stays in force.
        """
        value = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in _NUMBERS},
            "anchor": asdict(self.anchor) if self.anchor else None,
            "files": [asdict(file) for file in self.files],
            "leftovers": [asdict(leftover) for leftover in self.leftovers],
        }
        write_whole(folder / NAME, json.dumps(value, separators=(",", ":")).encode())

    def of(self, data_class: DataClass, since: int | None = None, until: int | None = None) -> list[ArchiveFile]:
        """Files of a class that may hold records of a time, oldest first.

        Args:
            data_class: which.
            since: microseconds since the epoch of Unix, included.
            until: the same, excluded.
        """
        found = [
            file
            for file in self.files
            if file.data_class is data_class
            and (since is None or file.newest >= since)
            and (until is None or file.oldest < until)
        ]
        return sorted(found, key=lambda file: (file.oldest, file.path))

    def replaced(self, gone: Iterable[ArchiveFile], new: Iterable[ArchiveFile], now: int) -> Self:
        """A manifest with some files in place of others."""
        paths = {file.path for file in gone}
        return replace(
            self,
            commit=self.commit + 1,
            files=(*(file for file in self.files if file.path not in paths), *new),
            leftovers=(*self.leftovers, *(Leftover(path, now) for path in sorted(paths))),
        )


_NUMBERS = ("commit", "epoch", "through", "records", "missing", "damaged", "unread")
