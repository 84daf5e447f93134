"""The limits in force, what they refused lately, and limits that would fit the recorded traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stockade.app.asking import database
from stockade.app.plans import plan_in_force
from stockade.prevent.limits.propose import Proposal, proposals
from stockade.store.folder import DataFolder

__all__ = ["LimitSummary", "Proposal", "Proposed", "in_force", "proposed"]

_PERIODS_MS = {1: "ms", 1_000: "s", 60_000: "m", 3_600_000: "h", 86_400_000: "d"}


@dataclass(frozen=True, slots=True)
class LimitSummary:
    """One limit in force."""

    api: str
    """API, by its name in config."""
    name: str
    """Name of the limit."""
    count: str
    """What it counts."""
    by: tuple[str, ...]
    """By what."""
    tiers: tuple[str, ...]
    """Its steps, such as `refuse over 100/m`."""
    shared: str
    """`local`, `approximate` or `exact`."""
    refused: int
    """Exchanges that the limits of this API refused in the time asked about: reasons do not tell them apart."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def in_force(data: Path, since: int | None) -> list[LimitSummary]:
    """The limits of the bundle in force, in their order.

    Args:
        data: data folder.
        since: oldest refusal that is counted, microseconds since the epoch.

    Raises:
        StockadeError: there is no bundle, or it would read too much.
    """
    plan = plan_in_force(DataFolder(data))
    events = database(data)
    found = []
    for api in plan["apis"]:
        if not api["limits"]:
            continue
        reasons = events.ask("top_reasons", {"since": since, "api": api["name"], "limit": 1000}).dicts()
        refused = sum(row["exchanges"] for row in reasons if str(row["reason"]).startswith("limit."))
        found += [
            LimitSummary(
                api["name"],
                limit["name"],
                limit["count"]["unit"],
                tuple(limit["by"]),
                tuple(_tier(tier) for tier in limit["tiers"]),
                limit["shared"],
                refused,
            )
            for limit in api["limits"]
        ]
    return found


@dataclass(frozen=True, slots=True)
class Proposed:
    """Limits that would fit the traffic."""

    limits: list[Proposal]
    """Limits of all APIs."""
    busiest: Mapping[str, Sequence[Mapping[str, Any]]]
    """For each API the callers with the busiest minutes: `caller`, `peak`, `asked`."""


def proposed(data: Path, since: int | None, api: str | None) -> Proposed:
    """Limits that twice the busiest ordinary caller would not meet.

    Args:
        data: data folder.
        since: oldest traffic looked at, microseconds since the epoch.
        api: only this API.

    Raises:
        StockadeError: there is no such folder, or it would read too much.
    """
    events = database(data)
    given: dict[str, Any] = {"since": since, "api": api}
    limits = proposals(
        events.ask("busy_minutes", given).dicts(),
        events.ask("busy_minutes", {**given, "each": "operation"}).dicts(),
        events.ask("busy_minutes", {**given, "count": "failures"}).dicts(),
    )
    busiest = {
        name: events.ask("busiest_callers", {**given, "api": name, "limit": 3}).dicts()
        for name in dict.fromkeys(limit.api for limit in limits)
    }
    return Proposed(limits, busiest)


def _tier(tier: Mapping[str, Any]) -> str:
    verb = str(tier["action"]).replace("_", " ")
    if not tier["period_ms"]:
        return f"{verb} over {tier['amount']} at once"
    unit = max(ms for ms in _PERIODS_MS if tier["period_ms"] % ms == 0)
    length = tier["period_ms"] // unit
    burst = f", {tier['burst']} at once" if tier["burst"] != tier["amount"] else ""
    return f"{verb} over {tier['amount']}/{length if length > 1 else ''}{_PERIODS_MS[unit]}{burst}"
