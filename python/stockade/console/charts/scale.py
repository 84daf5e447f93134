"""Axes: round numbers that people read easily, and words for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

STEPS_S = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 86_400, 604_800)
"""Seconds that one column of a chart over time may stand for."""


@dataclass(frozen=True, slots=True)
class Tick:
    """One mark on an axis."""

    at: float
    """Where, in units of the drawing."""
    label: str
    """What it says."""


def step_for(span_s: float, columns: int = 60) -> int:
    """The seconds of one column, so that a span takes about so many columns."""
    return next((step for step in STEPS_S if span_s / step <= columns), STEPS_S[-1])


def round_most(most: float) -> float:
    """The next number up that begins with 1, 2, 2.5 or 5."""
    if most <= 0:
        return 1
    unit = 1.0
    while unit * 10 <= most:
        unit *= 10
    while unit > most:
        unit /= 10
    return next(unit * part for part in (1, 2, 2.5, 5, 10) if unit * part >= most)


def time_ticks(begin: int, end: int, left: float, right: float, most: int = 7) -> list[Tick]:
    """Marks of a time axis, at whole minutes, hours or days.

    Args:
        begin: microseconds since the epoch.
        end: the same.
        left: where `begin` stands in the drawing.
        right: where `end` stands.
        most: marks at most.
    """
    span_s = max(1, (end - begin) // 1_000_000)
    step_s = next(
        (step for step in STEPS_S if span_s / step <= most), STEPS_S[-1] * max(1, span_s // STEPS_S[-1] // most)
    )
    step = step_s * 1_000_000
    shape = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 86_400 else "%d %b"
    first = begin - begin % step + step
    return [
        Tick(left + (right - left) * (moment - begin) / (end - begin), _shown(moment, shape))
        for moment in range(first, end, step)
    ]


def _shown(moment: int, shape: str) -> str:
    return datetime.fromtimestamp(moment / 1_000_000, UTC).strftime(shape)


def quantiles_of(values: Sequence[float], parts: int) -> list[float]:
    """Bounds that part some numbers into as many groups of about the same size."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, len(ordered) * part // parts)] for part in range(1, parts)] if ordered else []
