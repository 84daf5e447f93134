"""The data folder: where each file stands, who holds the folder, and how files are written whole."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError

SOCKET_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux, without its closing NUL (unix(7))."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One data folder; nothing is created before `create` is called.

    Args:
        path: absolute or relative path of the folder.
    """

    path: Path

    @property
    def keys(self) -> Path:
        """Folder of the keys that sign bundles."""
        return self.path / "keys"

    @property
    def bundles(self) -> Path:
        """Folder of the last good bundles."""
        return self.path / "bundles"

    @property
    def current_bundle(self) -> Path:
        """Text file that names the bundle in force."""
        return self.bundles / "current"

    @property
    def spool(self) -> Path:
        """Folder of the event segments."""
        return self.path / "spool"

    @property
    def events(self) -> Path:
        """Folder of the events in Parquet."""
        return self.path / "events"

    def has_archive(self) -> bool:
        """Whether events were taken into the archive."""
        return (self.events / "manifest.json").exists()

    @property
    def events_key(self) -> Path:
        """Key that events are encrypted with; not there while they are not."""
        return self.keys / "events.key"

    @property
    def decisions(self) -> Path:
        """Snapshot of all active decisions."""
        return self.path / "decisions.json"

    @property
    def socket(self) -> Path:
        """Control socket of the gateway."""
        return self.path / "gateway.sock"

    @property
    def gateway_state(self) -> Path:
        """Written by the gateway once it listens: pid and listeners."""
        return self.path / "gateway.json"

    @property
    def control_state(self) -> Path:
        """Written by the control process once it listens: pid and admin address."""
        return self.path / "control.json"

    @property
    def admin_token(self) -> Path:
        """Bearer token of the admin API, for its owner alone."""
        return self.path / "admin.token"

    @property
    def control_database(self) -> Path:
        """People, sessions and tokens, where no PostgreSQL holds them."""
        return self.path / "control.db"

    @property
    def audit(self) -> Path:
        """The audit log."""
        return self.path / "audit.log"

    @property
    def audit_checkpoints(self) -> Path:
        """Signed checkpoints of the audit log."""
        return self.path / "audit.checkpoints"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor that owns the folder."""
        return self.path / "run.lock"

    def create(self) -> None:
        """Create the folder, for its owner alone, where it does not exist.

        Raises:
            StockadeError: it cannot be created or written, or its path is too long for a socket.
        """
        if len(os.fsencode(self.socket.resolve())) > SOCKET_PATH_BYTES:
            raise StockadeError(
                "data.path_too_long",
                f"the path of data folder `{self.path}` is too long: expected at most {SOCKET_PATH_BYTES} bytes "
                f"for `{self.socket.name}` in it",
                "choose a shorter folder with `--data` or `data:`",
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StockadeError(
                "data.unusable",
                f"cannot create data folder `{self.path}`: {error.strerror or error}",
                "choose a folder that this user may write with `--data` or `data:`",
            ) from error
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise StockadeError(
                "data.unusable",
                f"cannot write to data folder `{self.path}`",
                "choose a folder that this user may write with `--data` or `data:`",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one supervisor.

        The lock ends with the process, however that ends.

        Raises:
            StockadeError: another supervisor holds it.
        """
        descriptor = os.open(self.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
                raise StockadeError(
                    "data.locked",
                    f"data folder `{self.path}` is in use by another `stockade run` (process {owner or 'unknown'})",
                    "stop that one first, or choose another folder with `--data`",
                ) from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)


def read_json(file: Path) -> dict[str, Any] | None:
    """Read a file that holds one JSON object.

    Returns:
        The object; None when the file is missing or holds anything else.
    """
    try:
        value = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON object so that a reader sees either the old file or the new one.

    Raises:
        OSError: the folder cannot be written.
    """
    write_whole(file, json.dumps(value, separators=(",", ":"), sort_keys=True).encode())


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, for its owner alone, by temporary file, fsync and rename.

    Raises:
        OSError: the folder cannot be written.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
