"""A heat map: what was called at which hour."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stockade.console.charts.scale import Tick, quantiles_of

LEVELS = 5
"""Shades beside the one for nothing."""

CELL, GAP, ROW, LABEL = 24, 2, 22, 190
"""Units of the drawing."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One hour of one operation."""

    x: float
    """Left."""
    y: float
    """Top."""
    level: int
    """Shade, 0 for nothing."""
    about: str
    """What it says."""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One operation."""

    y: float
    """Middle of its label."""
    api: str
    """API."""
    operation: str
    """Operation id."""
    cells: tuple[Cell, ...]
    """Its hours."""


@dataclass(frozen=True, slots=True)
class Heat:
    """The whole map."""

    rows: tuple[HeatRow, ...]
    """Operations, the busiest first."""
    hours: tuple[Tick, ...]
    """Marks of the time axis."""
    width: float
    """Units of the drawing."""
    height: float
    """The same."""
    label: int = LABEL
    """Room for names."""
    cell: int = CELL - GAP
    """Side of a cell."""


def heat(rows: Sequence[Mapping[str, Any]], end: int, hours: int = 24, most: int = 20) -> Heat:
    """A heat map of the last hours.

    Args:
        rows: each with `api`, `operation`, `bucket` (a whole hour) and `exchanges`.
        end: now, microseconds since the epoch.
        hours: how many.
        most: operations at most, the busiest.
    """
    hour = 3_600_000_000
    last = end - end % hour
    first = last - (hours - 1) * hour
    counts: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
    for row in rows:
        if first <= row["bucket"] <= last:
            counts[(row["api"] or "", row["operation"] or "")][row["bucket"]] = row["exchanges"]
    busiest = sorted(counts, key=lambda name: (-sum(counts[name].values()), name))[:most]
    bounds = quantiles_of([count for name in busiest for count in counts[name].values()], LEVELS)
    shown = []
    for number, name in enumerate(busiest):
        y = 20 + number * ROW
        cells = []
        for place in range(hours):
            moment = first + place * hour
            count = counts[name].get(moment, 0)
            level = 0 if not count else 1 + sum(count > bound for bound in bounds)
            about = f"{_clock(moment)} UTC: {count:,} calls of {name[1] or 'nothing declared'}"
            cells.append(Cell(LABEL + place * CELL, y, min(level, LEVELS), about))
        shown.append(HeatRow(y + 14, name[0], name[1], tuple(cells)))
    marks = tuple(Tick(LABEL + place * CELL, _clock(first + place * hour)) for place in range(0, hours, 3))
    return Heat(tuple(shown), marks, LABEL + hours * CELL, 24 + len(shown) * ROW)


def _clock(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1_000_000, UTC).strftime("%H:%M")
