"""Data folders for front ends, which do not know where files stand in them."""

from __future__ import annotations

from pathlib import Path

from stockade.core.errors import StockadeError
from stockade.store.folder import DataFolder


def data_folder(path: Path) -> DataFolder:
    """The data folder at a path.

    Raises:
        StockadeError: there is none.
    """
    if not path.is_dir():
        hint = "name the folder of a running Stockade with `--data`, or start one with `stockade run`"
        raise StockadeError("events.no_data", f"expected a data folder at `{path}`, found none", hint)
    return DataFolder(path)
