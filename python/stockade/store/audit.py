"""The audit log: who did what, one JSON object a line, each chained to the one before.

`hash` is the SHA-256 of the line without it, and `previous` the hash of the line before: a line that is changed, taken
out or put in between breaks the chain. Whoever can write the whole file can also cut it short or write a whole new
chain: signed checkpoints that are kept elsewhere show that. A line is on disk before what it tells is done.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError

FIRST = "0" * 64
"""`previous` of the first line."""

_TAIL_BYTES = 64 * 1024
_TEXT = 1000


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the audit log."""

    seq: int
    """From 1, without gaps."""
    time: int
    """Microseconds since the epoch."""
    by: str
    """Who did it."""
    action: str
    """What was done, such as `vault.get`."""
    subject: str
    """To what."""
    reason: str
    """Why, in the words of who did it."""
    previous: str
    """Hash of the line before."""

    def to_json(self) -> dict[str, Any]:
        """The record as a JSON object, without its hash."""
        return {
            "seq": self.seq,
            "time": self.time,
            "by": self.by,
            "action": self.action,
            "subject": self.subject,
            "reason": self.reason,
            "previous": self.previous,
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the record, 64 hexadecimal digits."""
        return hashlib.sha256(_written(self.to_json())).hexdigest()


class AuditLog:
    """The audit log in one file; several processes may append."""

    def __init__(self, file: Path) -> None:
        """The log in `file`, which is made with the first line, for its owner alone."""
        self._file = file

    def append(self, time: int, by: str, action: str, subject: str, reason: str = "") -> AuditRecord:
        """Write one line and sync it.

        Args:
            time: microseconds since the epoch.
            by: who.
            action: what was done.
            subject: to what; never a secret.
            reason: why.

        Raises:
            StockadeError: `audit.broken` when the last line is no record, and nothing is appended.
            OSError: the file cannot be written.
        """
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "r+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            end = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, end - _TAIL_BYTES))
            tail = stream.read(_TAIL_BYTES)
            whole = tail[: tail.rfind(b"\n") + 1]
            # A line without its end was cut short by a crash, so what it tells was never done.
            end -= len(tail) - len(whole)
            last = _record(whole.splitlines()[-1], self._file) if whole else None
            if last is None and end > 0:
                raise _broken(self._file, "a line that has no end")
            record = AuditRecord(
                last.seq + 1 if last else 1, time, by[:_TEXT], action, subject[:_TEXT], reason[:_TEXT],
                last.hash if last else FIRST,
            )  # fmt: skip
            stream.seek(end)
            stream.truncate()
            stream.write(_written({**record.to_json(), "hash": record.hash}) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        return record

    def newest(self, limit: int, before: int | None = None) -> list[AuditRecord]:
        """The newest records, newest first; the chain between them is not looked at.

        Args:
            limit: records at most.
            before: only those with a smaller number.

        Raises:
            StockadeError: `audit.broken` when one of them is no record.
        """
        found: list[AuditRecord] = []
        for line in self._backwards():
            record = _record(line, self._file)
            if before is None or record.seq < before:
                found.append(record)
                if len(found) == limit:
                    break
        return found

    def _backwards(self) -> Iterator[bytes]:
        """Lines that have an end, the last first."""
        try:
            stream = self._file.open("rb")
        except FileNotFoundError:
            return
        with stream:
            place = stream.seek(0, os.SEEK_END)
            rest = b""
            whole = False
            while place > 0:
                size = min(_TAIL_BYTES, place)
                place -= size
                stream.seek(place)
                lines = (stream.read(size) + rest).split(b"\n")
                rest = lines[0]
                for line in reversed(lines[1:]):
                    # What stands behind the last end of line was cut short by a crash.
                    if whole and line:
                        yield line
                    whole = True
            if whole and rest:
                yield rest

    def read(self) -> Iterator[AuditRecord]:
        """Every record, the oldest first, with the chain checked.

        Raises:
            StockadeError: `audit.broken` at the first line that does not belong where it is.
        """
        expected, seq = FIRST, 0
        try:
            stream = self._file.open("rb")
        except FileNotFoundError:
            return
        with stream:
            for line in stream:
                if not line.endswith(b"\n"):
                    return
                record = _record(line, self._file)
                seq += 1
                if record.previous != expected or record.seq != seq:
                    raise _broken(self._file, f"line {seq} that does not follow the one before")
                expected = record.hash
                yield record


def _record(line: bytes, file: Path) -> AuditRecord:
    try:
        told: Mapping[str, Any] = json.loads(line)
        record = AuditRecord(
            int(told["seq"]), int(told["time"]), str(told["by"]), str(told["action"]), str(told["subject"]),
            str(told["reason"]), str(told["previous"]),
        )  # fmt: skip
        good = told["hash"] == record.hash
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _broken(file, "a line that is no record") from error
    if not good:
        raise _broken(file, f"a changed line {record.seq}")
    return record


def _written(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _broken(file: Path, got: str) -> StockadeError:
    hint = "keep the file as evidence and move it away; a new log begins with the next entry"
    return StockadeError("audit.broken", f"expected a whole chain in `{file}`, got {got}", hint)
