"""The vault as the command line uses it: every look at a value is written to the audit log first."""

from __future__ import annotations

import os
from pathlib import Path

from stockade.app.acting import acting_user
from stockade.app.clock import wall_clock
from stockade.app.errors import StockadeError
from stockade.config.values.secret import SecretError
from stockade.prevent.crypto import wrapping_keys
from stockade.prevent.crypto.vault import Entry, Vault
from stockade.store.audit import AuditLog
from stockade.store.folder import DataFolder


def read_entry(data: Path, name: str) -> str:
    """One secret for a config that refers to it.

    Raises:
        SecretError: it cannot be read.
    """
    try:
        return Vault(data, os.environ).get(name)
    except StockadeError as error:
        raise SecretError(error.message, error.hint) from error


class VaultDesk:
    """Sets, shows, lists and removes the secrets of one data folder.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._folder = DataFolder(data)
        self._vault = Vault(data, os.environ)
        self._audit = AuditLog(self._folder.audit)

    def entries(self) -> list[Entry]:
        """All entries by name, without values."""
        return self._vault.entries()

    def set(self, name: str, value: str) -> None:
        """Set a secret."""
        self._folder.create()
        self._note("vault.set", name, "")
        self._vault.set(name, value, wall_clock())

    def get(self, name: str, reason: str) -> str:
        """The value of a secret, once the audit log says who looked and why."""
        value = self._vault.get(name)
        self._note("vault.get", name, reason)
        return value

    def remove(self, name: str) -> None:
        """Take a secret out.

        Raises:
            StockadeError: `vault.entry` when there is none.
        """
        if name not in {entry.name for entry in self._vault.entries()}:
            raise StockadeError(
                "vault.entry", f"expected an entry `{name}` in the vault, found none", "see `stockade vault list`"
            )
        self._note("vault.remove", name, "")
        self._vault.remove(name)

    def rotate(self) -> int:
        """Seal every secret anew under a new key; how many there are."""
        self._folder.create()
        self._note("vault.rotate", "all entries", "")
        return self._vault.rotate()

    def rotate_events(self) -> None:
        """Make a new key for events that are yet to be written; those that are there keep theirs.

        Raises:
            StockadeError: `vault.events` when events are not encrypted.
        """
        file = self._folder.keys / "spool.key"
        held = wrapping_keys.read_file(file)
        if not held:
            hint = "set `gateway.spool.encrypt: true` first"
            raise StockadeError("vault.events", f"expected the keys of encrypted events in `{file}`, found none", hint)
        self._note("vault.rotate", "events", "")
        wrapping_keys.write_file(file, [wrapping_keys.fresh(), *held][: wrapping_keys.MOST_KEYS])

    def _note(self, action: str, subject: str, reason: str) -> None:
        self._audit.append(wall_clock(), acting_user(), action, subject, reason)
