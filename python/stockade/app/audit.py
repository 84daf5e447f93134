"""The audit log as people use it: written, shown, checked, and signed now and then for those who keep it elsewhere."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from stockade.app.clock import Clock
from stockade.core.errors import StockadeError
from stockade.prevent.crypto import checkpoints
from stockade.prevent.crypto.checkpoints import Checkpoint
from stockade.store.audit import AuditLog, AuditRecord
from stockade.store.folder import DataFolder

LOG = logging.getLogger("stockade.audit")

EVERY_RECORDS = 100
"""New lines after which a checkpoint is signed."""

EVERY_US = 600_000_000
"""Time after which one is signed when there is any new line, microseconds."""


class Audit:
    """The audit log of one data folder.

    Args:
        folder: the data folder.
        clock: microseconds since the epoch.
        export: a second file that checkpoints are also written to, best on another machine's disk.
    """

    def __init__(self, folder: DataFolder, clock: Clock, export: Path | None = None) -> None:
        self._folder = folder
        self._log = AuditLog(folder.audit)
        self._clock = clock
        self._export = export
        self._signed_seq = 0
        self._signed_at = 0
        self._lock = threading.Lock()

    def note(self, by: str, action: str, subject: str, reason: str = "") -> AuditRecord:
        """Write down what is about to be done; it must not be done when this fails.

        Raises:
            StockadeError: `audit.unwritable` or `audit.broken`.
        """
        try:
            return self._log.append(self._clock(), by, action, subject, reason)
        except OSError as error:
            problem = f"the audit log cannot be written: {error.strerror or error}"
            raise StockadeError("audit.unwritable", problem, "nothing was changed; look at the disk") from error

    def newest(self, limit: int, before: int | None = None) -> list[AuditRecord]:
        """The newest lines, newest first."""
        return self._log.newest(limit, before)

    def checkpoint(self, *, due: bool = True) -> Checkpoint | None:
        """Sign how far the log goes, when there is anything new.

        Args:
            due: only when enough is new, or enough time has gone by.
        """
        with self._lock:
            last = next(iter(self._log.newest(1)), None)
            now = self._clock()
            if last is None or last.seq == self._signed_seq:
                return None
            few = last.seq - self._signed_seq < EVERY_RECORDS
            if due and self._signed_seq and few and now - self._signed_at < EVERY_US:
                return None
            made = checkpoints.sign(last, now, checkpoints.signing_key(self._folder.keys))
            line = json.dumps(made.to_json(), separators=(",", ":"), sort_keys=True)
            for file in filter(None, (self._folder.audit_checkpoints, self._export)):
                _append(file, line)
            # Whoever collects this process's output has it off this machine.
            LOG.info("audit checkpoint %s", line)
            self._signed_seq, self._signed_at = last.seq, now
            return made


def verify(data: Path, log: Path | None, kept: Path | None, key: Path | None) -> Iterator[str]:
    """Everything that is wrong with an audit log, in words; nothing when it is whole. Needs no secret.

    Args:
        data: the data folder.
        log: the log, when it is not the folder's.
        kept: checkpoints, when they are not the folder's: those kept elsewhere show more.
        key: public key, when it is not the folder's.

    Raises:
        StockadeError: key or checkpoints cannot be read.
    """
    folder = DataFolder(data)
    file = kept or folder.audit_checkpoints
    found = checkpoints.read_checkpoints(file) if kept or file.exists() else []
    try:
        records = list(AuditLog(log or folder.audit).read())
    except StockadeError as error:
        yield error.message
        return
    if found:
        public = checkpoints.read_public_key(key or folder.keys / "audit.pub")
        yield from checkpoints.problems(records, found, public)


def _append(file: Path, line: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(line + "\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        LOG.error("cannot write a checkpoint to `%s`: %s", file, error.strerror or error)
