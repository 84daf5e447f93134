"""Runs measurements: `python -m benches [passthrough|pipeline|latency|memory|reload|slow|seclang ...]`."""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

MEASURES = [
    "passthrough",
    "pipeline",
    "latency",
    "memory",
    "reload",
    "kill",
    "slow",
    "ingest",
    "queries",
    "learn",
    "contract",
    "seclang",
    "encryption",
]


def main(names: list[str]) -> int:
    """Runs the measures named, or all; 1 when one misses its bar."""
    unknown = sorted(set(names) - set(MEASURES))
    if unknown:
        print(f"error: expected some of {', '.join(MEASURES)}, got {', '.join(unknown)}", file=sys.stderr)
        return 2
    missed = []
    for name in names or MEASURES:
        print(f"== {name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="stockade-bench-") as folder:
            if not importlib.import_module(f"benches.{name}").measure(Path(folder)):
                missed.append(name)
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
