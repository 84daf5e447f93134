"""Options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path, typer.Option("--data", help="Data folder of the Stockade that is asked about.", show_default=True)
]
"""`--data DIR`."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
"""`--json`."""

Config = Annotated[
    Path | None, typer.Option("--config", "-c", help="Config file; default ./stockade.yaml without `--upstream`.")
]
"""`-c FILE`."""

DEFAULT_DATA = Path("stockade-data")
"""Data folder when none is named."""
