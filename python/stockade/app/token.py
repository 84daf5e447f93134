"""The token of the admin API: made once, kept in the data folder for its owner alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from stockade.core.errors import StockadeError


def read_or_create(file: Path) -> str:
    """The token; made where there is none.

    Args:
        file: `admin.token` in the data folder.

    Raises:
        StockadeError: it is empty, or others may read it.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return read(file)
    with os.fdopen(descriptor, "w") as out:
        out.write(secrets.token_urlsafe(32) + "\n")
    return read(file)


def read(file: Path) -> str:
    """The token that a running control process has made.

    Raises:
        StockadeError: there is none, or others may read it.
    """
    try:
        mode = file.stat().st_mode
        token = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StockadeError(
            "admin.token",
            f"cannot read the admin token `{file}`: {_said(error)}",
            "start Stockade on this data folder first with `stockade run`, or name the right one with `--data`",
        ) from error
    if mode & 0o077:
        raise StockadeError(
            "admin.token",
            f"expected `{file}` to be readable by its owner alone, got mode {mode & 0o777:04o}",
            f"run `chmod 600 {file}`; if others may have read it, delete it and restart control for a new one",
        )
    if not token:
        raise StockadeError(
            "admin.token", f"expected a token in `{file}`, got an empty file", "delete it and restart control"
        )
    return token


def _said(error: OSError | UnicodeDecodeError) -> str:
    reason = error.strerror if isinstance(error, OSError) else "expected ASCII text"
    return (reason or str(error)).lower()
