"""Reads the spool that the gateway writes, also while it writes.

A record is the JSON object of one exchange or notice, as `catalogue.load()["schemas"]["record"]` describes it. Numbers
rise; damaged records are passed over.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stockade.core import _native

PAGE_RECORDS_MAX = 10_000
"""Most records that one call gives; a page also ends after 8 MiB."""


class Entry(NamedTuple):
    """One record."""

    seq: int
    """Its number. A gap means that records were dropped, removed or damaged, or that the gateway was restarted."""
    record: dict[str, Any]
    """What was written."""


class Page(NamedTuple):
    """What a tail gave."""

    entries: list[Entry]
    """Oldest first; empty when nothing new was written."""
    missing: int
    """Records that should have been between these and are not: dropped, removed or damaged."""
    damaged: int
    """Damaged places passed on the way."""


class Lines(NamedTuple):
    """What a tail gave, as it was written."""

    content: bytes
    """JSON lines of `{"seq": .., "record": {..}}`, oldest first; empty when nothing new was written."""
    last: int
    """Number of the last record; 0 when there is none."""
    missing: int
    """As in `Page`."""
    damaged: int
    """As in `Page`."""


class Segment(NamedTuple):
    """One file of the spool."""

    path: Path
    """Where."""
    first: int
    """Number of its first record."""
    created: int
    """When the gateway made it, microseconds since the epoch; 0 when its header cannot be read."""


class Tail:
    """Follows the spool: each read goes on where the last one ended, and costs only what is new."""

    def __init__(self, folder: Path, after: int = 0) -> None:
        """Begin behind a record; nothing is opened yet, the folder need not exist.

        Args:
            folder: The spool folder.
            after: Number of the last record that is known; 0 begins with the oldest.
        """
        self._native = _native.SpoolTail(folder, after)

    def read(self, limit: int = 1000) -> Page:
        """The next records; never waits.

        Args:
            limit: Records at most, up to `PAGE_RECORDS_MAX`.

        Raises:
            StockadeError: `spool.unreadable` when the folder or a file cannot be read.
        """
        lines, missing, damaged = self._native.read(limit)
        return Page(list(_entries(lines)), missing, damaged)

    def read_lines(self, limit: int = PAGE_RECORDS_MAX) -> Lines:
        """The next records without reading them one by one; never waits.

        Args:
            limit: Records at most, up to `PAGE_RECORDS_MAX`.

        Raises:
            StockadeError: `spool.unreadable` when the folder or a file cannot be read.
        """
        content, missing, damaged = self._native.read(limit)
        return Lines(content, _last_number(content), missing, damaged)


def read(folder: Path, after: int = 0, limit: int = 1000) -> list[Entry]:
    """Records behind a number, oldest first. Use a `Tail` to follow the spool.

    Args:
        folder: The spool folder; one that does not exist is empty.
        after: Only records with greater numbers.
        limit: Records at most, up to `PAGE_RECORDS_MAX`.

    Raises:
        StockadeError: `spool.unreadable` when the folder or a file cannot be read.
    """
    return list(_entries(_native.read_spool(folder, after, limit)))


def read_newest(folder: Path, before: int | None = None, limit: int = 1000) -> list[Entry]:
    """Records newest first.

    Args:
        folder: The spool folder; one that does not exist is empty.
        before: Only records with smaller numbers.
        limit: Records at most, up to `PAGE_RECORDS_MAX`.

    Raises:
        StockadeError: `spool.unreadable` when the folder or a file cannot be read.
    """
    return list(_entries(_native.read_spool_newest(folder, before, limit)))


def find(folder: Path, exchange_id: str) -> Entry | None:
    """The exchange with an id (`x-stockade-id`), or `None`. Searches a gigabyte in about a second.

    Raises:
        StockadeError: `spool.unreadable` when the folder or a file cannot be read.
    """
    return next(_entries(_native.find_in_spool(folder, exchange_id)), None)


def segments(folder: Path) -> list[Segment]:
    """The files of the spool, oldest first; the last may still grow.

    Args:
        folder: The spool folder; one that does not exist has none.

    Raises:
        OSError: the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if path.suffix == ".segment" and path.stem.isdecimal()]
    return sorted((Segment(path, int(path.stem), _created(path)) for path in found), key=lambda segment: segment.first)


def _created(path: Path) -> int:
    try:
        with path.open("rb") as file:
            magic, _, _, _, created = struct.unpack("<8sIIQQ", file.read(32))
    except (OSError, struct.error):
        return 0
    return int(created) if magic == b"STKSPOOL" else 0


def _last_number(lines: bytes) -> int:
    # Each line begins with its number, `{"seq":12,`; only the last one is looked at.
    start = lines.rfind(b"\n", 0, len(lines) - 1) + 1
    return int(lines[start + 7 : lines.index(b",", start)]) if lines else 0


def _entries(lines: bytes) -> Iterator[Entry]:
    for line in lines.splitlines():
        parsed = json.loads(line)
        yield Entry(parsed["seq"], parsed["record"])
