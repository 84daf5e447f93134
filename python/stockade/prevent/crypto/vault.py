"""The vault: secrets of a data folder, each sealed under its own data key, in one file that is written whole.

The key that wraps the data keys is in `STOCKADE_VAULT_KEY`, or in `keys/vault.key` in the data folder. Names and times
can be read without it; values cannot.
"""

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError
from stockade.prevent.crypto import wrapping_keys
from stockade.prevent.crypto.sealing import Sealed, WrappingKey, open_sealed, seal
from stockade.prevent.crypto.wrapping_keys import KEY_VARIABLE, NEXT_VARIABLE
from stockade.store.files import write_whole

FORMAT = 1
"""Version of the file's shape."""

MOST_BYTES = 64 * 1024
"""Longest value."""

MOST_ENTRIES = 10_000
"""Most entries."""

_LARGEST_FILE = 2 * 1024**3
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class Entry:
    """What may be known about a secret without reading it."""

    name: str
    """Name."""
    changed_at: int
    """When its value was set, microseconds since the epoch."""
    key_id: str
    """Name of the key that wraps its data key."""


@dataclass(frozen=True, slots=True)
class _Content:
    salt: bytes
    entries: dict[str, tuple[int, Sealed]]


class Vault:
    """The vault of one data folder. Every method reads the file anew, so several processes may use it."""

    def __init__(self, data: Path, environment: Mapping[str, str]) -> None:
        """The vault of a data folder; nothing is made before the first secret is set.

        Args:
            data: the data folder.
            environment: variables, for the key.
        """
        self.file = data / "vault.json"
        self.key_file = data / "keys" / "vault.key"
        self._environment = environment

    def entries(self) -> list[Entry]:
        """All entries by name; no key is needed."""
        content = self._read()
        return [Entry(name, at, sealed.key_id) for name, (at, sealed) in sorted(content.entries.items())]

    def get(self, name: str) -> str:
        """The value of one entry.

        Raises:
            StockadeError: `vault.entry` when there is none, `vault.key` or `crypto.sealed` when it cannot be opened.
        """
        content = self._read()
        if name not in content.entries:
            message = f"expected an entry `{name}` in the vault `{self.file}`, found none"
            raise StockadeError("vault.entry", message, f"set it with `stockade vault set {name}`")
        _, sealed = content.entries[name]
        return self._open(name, sealed, self._keys(content.salt)).decode()

    def set(self, name: str, value: str, now: int) -> None:
        """Set the value of an entry, new or not.

        Args:
            name: 1 to 64 letters, digits, `-`, `_` and `.`.
            value: 1 to 64 KiB of text.
            now: microseconds since the epoch.

        Raises:
            StockadeError: `vault.name`, `vault.value`, `vault.full` or `vault.key`.
        """
        if not _NAME.fullmatch(name):
            raise StockadeError(
                "vault.name", f"expected a name of 1 to 64 letters, digits, `-`, `_` and `.`, got `{name[:80]}`"
            )
        data = value.encode()
        if not 1 <= len(data) <= MOST_BYTES:
            raise StockadeError("vault.value", f"expected a value of 1 to {MOST_BYTES} bytes, got {len(data)}")
        with self._alone():
            content = self._read()
            key = self._sealing_key(content.salt)
            if name not in content.entries and len(content.entries) >= MOST_ENTRIES:
                raise StockadeError("vault.full", f"expected at most {MOST_ENTRIES} entries", "remove some first")
            content.entries[name] = (now, seal(data, key, _place(name)))
            self._write(content)

    def remove(self, name: str) -> bool:
        """Take an entry out; whether there was one."""
        with self._alone():
            content = self._read()
            if content.entries.pop(name, None) is None:
                return False
            self._write(content)
            return True

    def rotate(self) -> int:
        """Seal every entry anew, under a new key; how many there are.

        A key file gets a new random key. A key from the environment is replaced by `STOCKADE_VAULT_KEY_NEXT`.
        Whenever it is cut short, every entry still opens with the keys that are there; running it again ends it.

        Raises:
            StockadeError: `vault.key` when there is no key to go over to, or an entry cannot be opened.
        """
        with self._alone():
            content = self._read()
            held = self._keys(content.salt)
            from_environment = bool(self._environment.get(KEY_VARIABLE))
            if from_environment:
                following = wrapping_keys.from_variable(NEXT_VARIABLE, self._environment, content.salt)
                if following is None:
                    message = (
                        f"expected the next key in `{NEXT_VARIABLE}`, since the present one is in `{KEY_VARIABLE}`"
                    )
                    raise StockadeError("vault.key", message, "make one with `openssl rand -hex 32`")
            else:
                following = wrapping_keys.fresh()
                self.key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                wrapping_keys.write_file(self.key_file, [following, *held][: wrapping_keys.MOST_KEYS])
            known = [*held, following]
            renewed = {
                name: (at, seal(self._open(name, sealed, known), following, _place(name)))
                for name, (at, sealed) in content.entries.items()
            }
            self._write(_Content(content.salt, renewed))
            if not from_environment:
                wrapping_keys.write_file(self.key_file, [following])
            return len(renewed)

    def _open(self, name: str, sealed: Sealed, keys: list[WrappingKey]) -> bytes:
        key = next((key for key in keys if key.id == sealed.key_id), None)
        if key is None:
            message = f"expected the key `{sealed.key_id}` for the entry `{name}`, got {_shown(keys)}"
            hint = f"put back `{self.key_file}`, or set `{KEY_VARIABLE}` to the key that sealed it"
            raise StockadeError("vault.key", message, hint)
        return open_sealed(sealed, key, _place(name))

    def _keys(self, salt: bytes) -> list[WrappingKey]:
        given = wrapping_keys.from_variable(KEY_VARIABLE, self._environment, salt)
        return [given] if given else wrapping_keys.read_file(self.key_file)

    def _sealing_key(self, salt: bytes) -> WrappingKey:
        return (self._keys(salt) or wrapping_keys.create_file(self.key_file))[0]

    def _read(self) -> _Content:
        try:
            with self.file.open("rb") as stream:
                data = stream.read(_LARGEST_FILE)
        except FileNotFoundError:
            return _Content(os.urandom(16), {})
        return read_content(data, str(self.file))

    def _write(self, content: _Content) -> None:
        entries = {
            name: {"changed_at": at, **sealed.to_json()} for name, (at, sealed) in sorted(content.entries.items())
        }
        written = {"format": FORMAT, "salt": content.salt.hex(), "entries": entries}
        write_whole(self.file, json.dumps(written, indent=1).encode() + b"\n", 0o600)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Only one process at a time changes the vault."""
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.file.with_name(".vault.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def read_content(data: bytes, shown_as: str) -> _Content:
    """Read a vault file.

    Raises:
        StockadeError: `vault.file` when it is none.
    """
    hint = "restore it from a copy; nothing was changed"
    try:
        told: Any = json.loads(data)
        if told["format"] != FORMAT:
            raise StockadeError("vault.file", f"expected a vault of format {FORMAT} in `{shown_as}`", hint)
        salt = bytes.fromhex(told["salt"])
        entries = {
            str(name): (int(entry["changed_at"]), Sealed.from_json(entry)) for name, entry in told["entries"].items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StockadeError("vault.file", f"expected a vault in `{shown_as}`, got something else", hint) from error
    return _Content(salt, entries)


def _place(name: str) -> str:
    return f"stockade vault\0{name}"


def _shown(keys: list[WrappingKey]) -> str:
    return ", ".join(f"`{key.id}`" for key in keys) or "none"
