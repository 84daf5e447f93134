"""How amounts are spread over many actors: counted in buckets of rising width, cheap to add to and robust to read."""

from __future__ import annotations

import math
from collections.abc import Iterable

BUCKETS = 160
"""Buckets, four for each doubling: up to 2 to the power of 40."""

_SIGMAS = 4.5
"""How many standard deviations above the median of logarithms the most is expected."""

_LEAST_SIGMA = 0.3
"""Spread that is assumed at least: a population that is too even to be true is a small one."""

_FULL = 1_000_000.0
"""Weight at which the past is halved."""


def bucket(amount: float) -> int:
    """The bucket of an amount."""
    return min(BUCKETS - 1, int(math.log2(amount + 1.0) * 4))


class Spread:
    """The spread of one amount over actors and windows.

    Every window of an actor counts once, with the amount that it has reached so far: `move` takes it on.
    """

    __slots__ = ("_fresh", "_most", "counts", "total")

    def __init__(self, counts: Iterable[float] | None = None) -> None:
        self.counts = list(counts) if counts is not None else [0.0] * BUCKETS
        self.total = sum(self.counts)
        self._most = 0.0
        self._fresh = 0

    def begin(self, amount: float) -> None:
        """A window has begun with this amount."""
        self.counts[bucket(amount)] += 1.0
        self.total += 1.0
        self._fresh -= 1
        if self.total > _FULL:
            self.counts = [count / 2 for count in self.counts]
            self.total = sum(self.counts)

    def move(self, before: float, after: float) -> None:
        """A window has risen from one amount to another."""
        old, new = bucket(before), bucket(after)
        if old != new:
            if self.counts[old] >= 1.0:
                self.counts[old] -= 1.0
            else:
                self.total += 1.0 - self.counts[old]
                self.counts[old] = 0.0
            self.counts[new] += 1.0
            self._fresh -= 1

    def quantile(self, share: float) -> float:
        """The amount that this share of windows does not pass."""
        wanted, seen = share * self.total, 0.0
        for place, count in enumerate(self.counts):
            seen += count
            if seen >= wanted and count:
                return float(2 ** ((place + 1) / 4) - 1)
        return 0.0

    def most(self) -> float:
        """The most that an ordinary window reaches.

        Read from the middle of the spread, which few abusers cannot move; where there are very many windows, from
        what all but one in a thousand stay below.
        """
        if self._fresh <= 0:
            middle, high = self.quantile(0.5), self.quantile(0.9)
            sigma = max(_LEAST_SIGMA, (math.log1p(high) - math.log1p(middle)) / 1.2816)
            most = math.expm1(math.log1p(middle) + _SIGMAS * sigma)
            if self.total >= 3000:
                most = min(most, max(self.quantile(0.999) * 1.5, high * 2))
            self._most = max(most, high)
            self._fresh = max(16, int(self.total / 50))
        return self._most
