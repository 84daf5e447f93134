"""API keys that are made, rotated and revoked by command: kept as SHA-256 in the data folder, never as they are."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError
from stockade.store.folder import read_json, write_json

SECRET_BYTES = 32
"""Random bytes of a key."""

MOST_KEYS = 100_000
"""Keys of one data folder, those that ended included."""


@dataclass(frozen=True, slots=True)
class ManagedKey:
    """One key, without the key itself. Moments are microseconds since the epoch."""

    id: str
    """Id, for events and revocation."""
    method: str
    """Name of the `api_key` methods that take it."""
    sha256: str
    """SHA-256 of the key in hexadecimal."""
    subject: str
    """Who it stands for."""
    created_at: int
    """When it was made, or last rotated."""
    roles: Sequence[str] = ()
    """Roles."""
    scopes: Sequence[str] = ()
    """Scopes."""
    expires_at: int | None = None
    """When it ends; never when None."""
    revoked_at: int | None = None
    """When it was taken back."""
    previous: dict[str, Any] | None = field(default=None)
    """`sha256` and `expires_at` of the key before it."""

    def state(self, now: int) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "active"

    def to_plan(self) -> dict[str, Any]:
        """As in `ApiKeyPlan`."""
        return {
            "id": self.id,
            "sha256": self.sha256,
            **({"previous": self.previous} if self.previous else {}),
            "subject": self.subject,
            "roles": list(self.roles),
            "scopes": list(self.scopes),
            "expires_at": self.expires_at,
        }


def keys_file(data: Path) -> Path:
    """Where they are kept."""
    return data / "identity" / "keys.json"


class KeyStore:
    """The keys of one data folder.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._file = keys_file(data)

    def all(self) -> list[ManagedKey]:
        """Every key, the oldest first.

        Raises:
            StockadeError: `keys.store` when the file is damaged.
        """
        if not self._file.exists():
            return []
        found = read_json(self._file)
        try:
            return [ManagedKey(**entry) for entry in (found or {})["keys"]]
        except (KeyError, TypeError) as error:
            hint = "put a copy of it back; until then no key in it is good"
            raise StockadeError(
                "keys.store", f"expected the keys in `{self._file}`, got something else", hint
            ) from error

    def usable(self, method: str) -> list[ManagedKey]:
        """Keys of a method that were not revoked; the gateway itself knows when they end."""
        return [key for key in self.all() if key.method == method and key.revoked_at is None]

    def create(self, key: ManagedKey) -> None:
        """Add a key.

        Raises:
            StockadeError: `keys.too_many`, or the id is taken.
        """

        def add(keys: list[ManagedKey]) -> list[ManagedKey]:
            if len(keys) >= MOST_KEYS:
                raise StockadeError("keys.too_many", f"expected at most {MOST_KEYS} keys", None)
            if any(known.id == key.id for known in keys):
                raise StockadeError("keys.id", f"expected another id than `{key.id}`, which a key has", None)
            return [*keys, key]

        self._change(add)

    def change(self, key_id: str, change: Callable[[ManagedKey], ManagedKey]) -> ManagedKey:
        """Put another one in the place of a key; the new one.

        Raises:
            StockadeError: `keys.unknown` when there is none with this id.
        """
        changed: list[ManagedKey] = []

        def swap(keys: list[ManagedKey]) -> list[ManagedKey]:
            after = [change(key) if key.id == key_id else key for key in keys]
            changed.extend(key for key in after if key.id == key_id)
            return after

        self._change(swap)
        if not changed:
            hint = "see `stockade keys list`"
            raise StockadeError("keys.unknown", f"expected the id of a key, got `{key_id}`", hint)
        return changed[0]

    def _change(self, change: Callable[[list[ManagedKey]], list[ManagedKey]]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            write_json(self._file, {"keys": [asdict(key) for key in change(self.all())]})

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands at once must not lose a key."""
        descriptor = os.open(self._file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def make(prefix: str) -> tuple[str, str]:
    """A new key and its SHA-256."""
    key = prefix + secrets.token_urlsafe(SECRET_BYTES)
    return key, hashlib.sha256(key.encode()).hexdigest()


def rotated(key: ManagedKey, sha256: str, now: int, overlap_us: int) -> ManagedKey:
    """The key with another secret; the one before goes on for a while.

    Raises:
        StockadeError: `keys.ended` when it is not active.
    """
    if key.state(now) != "active":
        raise StockadeError(
            "keys.ended", f"expected an active key, `{key.id}` is {key.state(now)}", "create another one"
        )
    previous = {"sha256": key.sha256, "expires_at": now + overlap_us} if overlap_us else None
    return replace(key, sha256=sha256, created_at=now, previous=previous)
