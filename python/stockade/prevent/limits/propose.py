"""Proposes limits from how much callers ask in their minutes.

A limit must never meet those who use an API as it is meant, so it stands at twice what the busiest ordinary caller
asked. Who is ordinary is told by the middle of all callers, on a logarithmic scale, with the median and the median
absolute deviation: a scraper among them moves neither (Hampel 1974; Iglewicz and Hoaglin 1993).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

HEADROOM = 2.0
"""How much more than the busiest ordinary caller a limit admits."""

ORDINARY = 3.5
"""How many deviations from the middle a caller may be and still count as ordinary."""

LEAST_DEVIATION = 0.35
"""Deviation, in natural logarithms, of callers that all ask alike: half as much again is still ordinary to them."""

ENOUGH_CALLERS = 30
"""Callers below which a proposal is called a guess."""

OWN_LIMIT = 5.0
"""How much rarer than the whole API an operation is asked before it gets a limit of its own."""

_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class Minutes:
    """Minutes in which callers asked the same number of times."""

    asked: int
    """How often, in the minute."""
    minutes: int
    """How many such minutes there were."""
    callers: int
    """For how many callers it was the busiest."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One limit, and what it rests on."""

    api: str
    """API, by its name in config."""
    name: str
    """Name of the limit."""
    operation: str | None
    """The only operation it is about; all when None."""
    by: tuple[str, ...]
    """Attributes that it counts by."""
    count: str
    """`requests` or `failures`."""
    rate: int
    """So many a minute."""
    callers: int
    """Callers that were seen."""
    asked: int
    """What they asked in all."""
    typical: int
    """Busiest minute of the caller in the middle."""
    ordinary: int
    """Busiest minute of the busiest ordinary caller."""
    busiest: int
    """Busiest minute of all."""
    callers_met: int
    """Callers that the limit would have met."""
    asked_met: int
    """What they asked beyond it."""

    @property
    def is_guess(self) -> bool:
        """Whether there were too few callers to be sure."""
        return self.callers < ENOUGH_CALLERS

    def setting(self) -> dict[str, Any]:
        """The limit as it is written in config."""
        written: dict[str, Any] = {"name": self.name, "by": list(self.by)}
        if self.operation is not None:
            written["operations"] = [self.operation]
        if self.count != "requests":
            written["count"] = self.count
        return written | {"rate": f"{self.rate}/m"}


def proposals(
    whole: Iterable[Mapping[str, Any]], each: Iterable[Mapping[str, Any]], failures: Iterable[Mapping[str, Any]]
) -> list[Proposal]:
    """Limits for every API, the widest first.

    Args:
        whole: rows of `busy_minutes` for each API.
        each: the same for each of their operations.
        failures: the same for failures.
    """
    found = [_proposal(api, "per-actor", None, ("actor",), "requests", rows) for (api, _), rows in _groups(whole)]
    rates = {proposal.api: proposal.rate for proposal in found}
    for (api, operation), rows in _groups(each):
        if operation is None:
            continue
        own = _proposal(api, _name(operation), operation, ("actor",), "requests", rows)
        if own.rate * OWN_LIMIT <= rates.get(api, 0) and not own.is_guess:
            found.append(own)
    found += [_proposal(api, "failures", None, ("address",), "failures", rows) for (api, _), rows in _groups(failures)]
    order = {api: number for number, api in enumerate(dict.fromkeys(proposal.api for proposal in found))}
    return sorted(found, key=lambda proposal: order[proposal.api])


def _groups(rows: Iterable[Mapping[str, Any]]) -> Iterable[tuple[tuple[str, str | None], list[Minutes]]]:
    for key, group in groupby(rows, key=lambda row: (row["api"], row["operation"])):
        yield key, [Minutes(row["asked"], row["minutes"], row["callers"]) for row in group]


def _proposal(
    api: str, name: str, operation: str | None, by: tuple[str, ...], count: str, rows: Sequence[Minutes]
) -> Proposal:
    typical = _middle([(row.asked, row.callers) for row in rows])
    logarithms = [(abs(math.log(row.asked) - math.log(typical)), row.callers) for row in rows]
    deviation = max(1.4826 * _middle(logarithms), LEAST_DEVIATION)
    bound = typical * math.exp(ORDINARY * deviation)
    ordinary = max(row.asked for row in rows if row.callers and row.asked <= bound)
    rate = _round(ordinary * HEADROOM)
    return Proposal(
        api,
        name,
        operation,
        by,
        count,
        rate,
        callers=sum(row.callers for row in rows),
        asked=sum(row.asked * row.minutes for row in rows),
        typical=int(typical),
        ordinary=ordinary,
        busiest=max(row.asked for row in rows),
        callers_met=sum(row.callers for row in rows if row.asked > rate),
        asked_met=sum((row.asked - rate) * row.minutes for row in rows if row.asked > rate),
    )


def _middle(weighted: Sequence[tuple[float, int]]) -> float:
    """The weighted median."""
    half = sum(weight for _, weight in weighted) / 2
    passed = 0
    for value, weight in sorted(weighted):
        passed += weight
        if passed >= half:
            return value
    return 0.0


def _round(value: float) -> int:
    """The next number that people like to read; at least 5."""
    value = max(value, 5.0)
    scale = 10.0 ** math.floor(math.log10(value))
    return math.ceil(round(next(step for step in _STEPS if step * scale >= value - 1e-9) * scale, 6))


def _name(operation: str) -> str:
    """The name of an operation's limit, within what names in config may be."""
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "-" for letter in operation)
    return f"per-actor-{kept}"[:60].rstrip("-_")
