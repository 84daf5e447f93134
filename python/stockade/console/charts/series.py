"""Columns and lines over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stockade.console.charts.scale import Tick, round_most, time_ticks

WIDTH, WIDE, HEIGHT = 720, 1180, 190
"""Units of the drawing, in a part of a page and across all of it; it is scaled to its place."""

LEFT, RIGHT, TOP, BOTTOM = 46, 6, 8, 22
"""Room for axes."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of a column."""

    x: float
    """Left."""
    y: float
    """Top."""
    width: float
    """Width."""
    height: float
    """Height."""
    kind: str
    """What it counts: the end of its class."""


@dataclass(frozen=True, slots=True)
class Column:
    """All of one moment, as one thing to point at."""

    x: float
    """Left."""
    width: float
    """Width."""
    about: str
    """What it says."""
    begin: int
    """Its first moment, microseconds since the epoch."""
    end: int
    """The moment behind its last."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    points: tuple[str, ...]
    """Stretches without a gap, as SVG takes points."""
    kind: str
    """What it shows: the end of its class."""


@dataclass(frozen=True, slots=True)
class Series:
    """A chart over time."""

    bars: tuple[Bar, ...]
    """Pieces of columns."""
    lines: tuple[Line, ...]
    """Lines."""
    columns: tuple[Column, ...]
    """What can be pointed at."""
    rows: tuple[Tick, ...]
    """Marks of the upright axis."""
    times: tuple[Tick, ...]
    """Marks of the time axis."""
    width: int = WIDTH
    """Units of the drawing."""
    height: int = HEIGHT
    """The same."""
    left: int = LEFT
    """Where the time axis begins."""
    right: int = WIDTH - RIGHT
    """Where it ends."""
    base: int = HEIGHT - BOTTOM
    """Where it stands."""


@dataclass(frozen=True, slots=True)
class Span:
    """What a chart over time covers."""

    begin: int
    """Microseconds since the epoch."""
    end: int
    """The same; not included."""
    step: int
    """Microseconds of one column."""
    width: int = WIDTH
    """Units of the drawing."""

    @property
    def right(self) -> int:
        """Where the time axis ends."""
        return self.width - RIGHT

    def place(self, moment: float) -> float:
        """Where a moment stands in the drawing."""
        return LEFT + (self.right - LEFT) * (moment - self.begin) / (self.end - self.begin)


def stacked(
    rows: Sequence[Mapping[str, Any]],
    kinds: Sequence[str],
    span: Span,
    number: Callable[[float], str],
    about: Callable[[Mapping[str, Any]], str],
) -> Series:
    """Columns of several kinds on top of each other.

    Args:
        rows: each with `bucket` and a count for every kind; moments without any may be absent.
        kinds: from the bottom up.
        span: what is covered.
        number: writes a number of the axis.
        about: says what a column stands for.
    """
    most = round_most(max((sum(row[kind] for kind in kinds) for row in rows), default=0))
    room = HEIGHT - TOP - BOTTOM
    width = max(1.0, span.place(span.begin + span.step) - LEFT)
    bars: list[Bar] = []
    columns: list[Column] = []
    for row in rows:
        x, y = span.place(row["bucket"]), float(HEIGHT - BOTTOM)
        visible = min(width, span.right - x)
        if x < LEFT - 0.01 or visible <= 0:
            visible, x = visible - (LEFT - x) if x < LEFT else visible, max(x, LEFT)
        if visible <= 0:
            continue
        for kind in kinds:
            height = room * row[kind] / most
            if row[kind]:
                # Few of many must still be seen.
                height = max(height, 2.0)
                y -= height
                bars.append(
                    Bar(round(x + 0.5, 2), round(y, 2), round(max(0.6, visible - 1), 2), round(height, 2), kind)
                )
        begin = int(row["bucket"])
        columns.append(Column(round(x, 2), round(visible, 2), about(row), begin, begin + span.step))
    return Series(tuple(bars), (), tuple(columns), _rows(most, number), _times(span), span.width, right=span.right)


def lined(
    rows: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, str],
    span: Span,
    number: Callable[[float], str],
    about: Callable[[Mapping[str, Any]], str],
) -> Series:
    """Lines over time.

    Args:
        rows: each with `bucket` and a value for every line.
        kinds: for each line the member of a row that holds its values.
        span: what is covered.
        number: writes a number of the axis.
        about: says what a moment stands for.
    """
    most = round_most(max((row[member] for row in rows for member in kinds.values()), default=0))
    room = HEIGHT - TOP - BOTTOM
    lines = []
    for kind, member in kinds.items():
        stretches: list[list[str]] = []
        before: int | None = None
        for row in rows:
            if before is None or row["bucket"] - before > span.step * 1.5:
                stretches.append([])
            before = row["bucket"]
            x = min(max(span.place(row["bucket"] + span.step / 2), LEFT), span.right)
            stretches[-1].append(f"{x:.1f},{HEIGHT - BOTTOM - room * row[member] / most:.1f}")
        # One moment alone would be no line.
        drawn = (" ".join(part if len(part) > 1 else [*part, *part]) for part in stretches)
        lines.append(Line(tuple(drawn), kind))
    width = max(1.0, span.place(span.begin + span.step) - LEFT)
    columns = tuple(
        Column(
            round(max(span.place(row["bucket"]), LEFT), 2),
            round(width, 2),
            about(row),
            int(row["bucket"]),
            int(row["bucket"]) + span.step,
        )
        for row in rows
    )
    return Series((), tuple(lines), columns, _rows(most, number), _times(span), span.width, right=span.right)


def _rows(most: float, number: Callable[[float], str]) -> tuple[Tick, ...]:
    room = HEIGHT - TOP - BOTTOM
    return tuple(Tick(round(HEIGHT - BOTTOM - room * part / 2, 1), number(most * part / 2)) for part in (0, 1, 2))


def _times(span: Span) -> tuple[Tick, ...]:
    ticks = time_ticks(span.begin, span.end, LEFT, span.right, 12 if span.width > WIDTH else 7)
    return tuple(tick for tick in ticks if LEFT + 12 < tick.at < span.width - 24)
