"""Builds the bundle for a config file, for a gateway that is measured alone: `python -m benches.bundle FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

from stockade.app import wiring

if __name__ == "__main__":
    wiring.write_bundle(Path(sys.argv[1]))
