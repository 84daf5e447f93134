"""The key that events are encrypted with."""

from __future__ import annotations

import secrets
from pathlib import Path

from stockade.core.errors import StockadeError
from stockade.store.archive.parquet import KEY_BYTES
from stockade.store.files import write_new


def read_key(file: Path) -> bytes | None:
    """The key; None when there is none.

    Args:
        file: `keys/events.key` in the data folder.

    Raises:
        StockadeError: the file holds something else, or others can read it.
    """
    try:
        key = file.read_bytes()
        mode = file.stat().st_mode & 0o777
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StockadeError("archive.key", f"cannot read `{file}`: {error.strerror}", None) from error
    if mode & 0o077:
        raise StockadeError(
            "archive.key",
            f"expected `{file}` to be readable for its owner alone, got {mode:o}",
            f"run `chmod 600 {file}`",
        )
    if len(key) != KEY_BYTES:
        raise StockadeError(
            "archive.key", f"expected {KEY_BYTES} bytes in `{file}`, got {len(key)}", "restore it from a copy"
        )
    return key


def make_key(file: Path) -> bytes:
    """The key, made when there is none.

    Raises:
        StockadeError: it cannot be used.
        OSError: it cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not file.exists():
        write_new(file, secrets.token_bytes(KEY_BYTES), 0o600)
    key = read_key(file)
    if key is None:
        raise StockadeError("archive.key", f"cannot keep a key in `{file}`", None)
    return key
