"""OCSF as JSON lines in a file that is moved aside when it is large."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from stockade.detect.outputs.ocsf import ocsf_of
from stockade.detect.outputs.sink import Record

FILE_BYTES = 256 * 1024**2
"""Size at which a file is moved aside."""

FILES_KEPT = 4
"""Files kept that were moved aside."""


class FileSink:
    """Appends to one file.

    Args:
        path: the file; its folder must be there.
        version: of Stockade.
    """

    def __init__(self, path: Path, version: str) -> None:
        self._path = path
        self._version = version

    def send(self, batch: Sequence[Record], number: int) -> None:
        """Append a batch; see `Sink`."""
        lines = [line_of(event) for record in batch for event in ocsf_of(record, self._version)]
        self._make_room()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            content = "".join(lines).encode()
            if os.write(descriptor, content) < len(content):
                # Half a line must not stay: the batch comes again.
                os.ftruncate(descriptor, size)
                raise OSError(f"`{self._path}` takes no more")
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Nothing is held open."""

    def _make_room(self) -> None:
        if not self._path.exists() or self._path.stat().st_size < FILE_BYTES:
            return
        for place in range(FILES_KEPT, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{place}")
            newer = self._path if place == 1 else self._path.with_name(f"{self._path.name}.{place - 1}")
            if newer.exists():
                newer.replace(older)


def line_of(value: object) -> str:
    """JSON on exactly one line: separators that other programs take for line ends are escaped (ASCII only)."""
    return json.dumps(value, separators=(",", ":")) + "\n"
