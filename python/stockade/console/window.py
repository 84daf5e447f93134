"""The span of time that a page is about."""

from __future__ import annotations

from dataclasses import dataclass

from stockade.app.duration import moment_of, seconds_of
from stockade.app.errors import StockadeError
from stockade.console.charts.scale import step_for
from stockade.console.charts.series import WIDE, WIDTH, Span
from stockade.console.shown import iso

CHOICES = ("15m", "1h", "6h", "24h", "7d", "30d")
"""Spans to choose from, back from now."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time, and how it was asked for."""

    begin: int
    """Microseconds since the epoch."""
    end: int
    """The same."""
    since: str
    """How its beginning was asked for."""
    until: str
    """How its end was asked for; empty for now."""

    @property
    def step_s(self) -> int:
        """Seconds of one column of a chart."""
        return step_for((self.end - self.begin) / 1_000_000)

    def span(self, *, wide: bool = False) -> Span:
        """What a chart covers: whole columns, the last of which may not be over yet.

        Args:
            wide: whether the chart goes across the page.
        """
        step = self.step_s * 1_000_000
        end = self.end + (-self.end) % step
        begin = self.begin - self.begin % step
        return Span(begin, end, step, WIDE if wide else WIDTH)

    def given(self) -> dict[str, int]:
        """Parameters of queries."""
        return {"since": self.begin, "until": self.end}

    def before(self) -> dict[str, int]:
        """Parameters for as long a span before this one."""
        return {"since": 2 * self.begin - self.end, "until": self.begin}


def window(since: str | None, until: str | None, now: int, default: str = "1h") -> Window:
    """The span that was asked for.

    Raises:
        StockadeError: it is none.
    """
    asked = since or default
    end = moment_of(until, now) if until else now
    begin = (
        end - seconds_of(asked) * 1_000_000
        if asked[-1:] in "smhd" and asked[:-1].isdecimal()
        else moment_of(asked, now)
    )
    if begin >= end:
        raise StockadeError("moment", "expected `since` before `until`", "such as `since` 1h")
    return Window(begin, end, _shown(asked), _shown(until or ""))


def _shown(asked: str) -> str:
    """How a moment was asked for, in words of people also when a chart asked."""
    return iso(int(asked)) if asked.isascii() and asked.isdigit() and len(asked) <= 17 else asked
