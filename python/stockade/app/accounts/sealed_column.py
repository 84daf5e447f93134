"""Secrets in control data that must be read again: sealed under a key that is not in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from stockade.core.errors import StockadeError
from stockade.prevent.crypto import wrapping_keys
from stockade.prevent.crypto.sealing import Sealed, WrappingKey, open_sealed, seal
from stockade.prevent.crypto.wrapping_keys import KEY_VARIABLE

_SALT = b"stockade control"


class SealedColumn:
    """Seals and opens texts of one column.

    The key is the vault's from the environment, so that several machines can share it, else `keys/control.key`.

    Args:
        column: name of the column; a value that is moved to another does not open.
        keys: folder of keys.
        environment: variables.
    """

    def __init__(self, column: str, keys: Path, environment: Mapping[str, str]) -> None:
        self._column = column
        self._file = keys / "control.key"
        self._environment = environment

    def seal(self, text: str, row: str) -> str:
        """A text sealed for one row."""
        key = (self._keys() or wrapping_keys.create_file(self._file))[0]
        return json.dumps(seal(text.encode(), key, self._place(row)).to_json())

    def open(self, sealed: str, row: str) -> str:
        """The text that was sealed.

        Raises:
            StockadeError: `crypto.sealed` or `control.key` when it does not open.
        """
        found = Sealed.from_json(json.loads(sealed))
        key = next((key for key in self._keys() if key.id == found.key_id), None)
        if key is None:
            hint = f"put back `{self._file}`, or set `{KEY_VARIABLE}` to the key that sealed it"
            raise StockadeError("control.key", f"expected the key `{found.key_id}` of `{self._column}`", hint)
        return open_sealed(found, key, self._place(row)).decode()

    def _keys(self) -> list[WrappingKey]:
        given = wrapping_keys.from_variable(KEY_VARIABLE, self._environment, _SALT)
        return [given] if given else wrapping_keys.read_file(self._file)

    def _place(self, row: str) -> str:
        return f"stockade control\0{self._column}\0{row}"
