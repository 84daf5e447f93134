"""Incidents: alerts of one campaign are one incident, which is brought up to date in place.

Two alerts belong together when they are about the same actor, the same rare look, the same address, or the same abuse
of the same operation at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stockade.detect.behaviour.engine import Alert
from stockade.detect.behaviour.known import Bounded
from stockade.detect.behaviour.signals import HOUR_US

QUIET_US = 2 * HOUR_US
"""Time without an alert after which an incident is over."""

RARE = 3
"""Users below which a client's look is rare enough to tie alerts together."""

MOST_ACTORS = 50
"""Actors that an incident names; the others are counted."""

MOST_EXAMPLES = 10
"""Exchanges that an incident names."""

MOST = 2000
"""Incidents remembered."""

SEVERITIES = ("tried", "succeeded", "data")
"""How far abuse got, from least to worst; this makes an incident's severity, not how much of it there was."""

LEVELS = {"tried": "low", "succeeded": "high", "data": "high"}
"""Severity of each outcome in words; `critical` where accounts were taken."""


@dataclass(slots=True)
class Incident:
    """One campaign, as far as it is known."""

    id: str
    """`i-` and a number."""
    first: int
    """First alert, microseconds since the epoch."""
    last: int
    """Last alert."""
    api: str
    """API."""
    classes: list[str] = field(default_factory=list)
    """Classes of abuse, in the order in which they were found."""
    actors: list[str] = field(default_factory=list)
    """Actors, first found first."""
    actor_count: int = 0
    """How many they are."""
    operations: list[str] = field(default_factory=list)
    """Operations."""
    outcome: str = "tried"
    """How far it got."""
    weight: float = 0.0
    """Highest log-odds of an actor."""
    alerts: int = 0
    """Alerts in it."""
    reasons: list[dict[str, Any]] = field(default_factory=list)
    """Why, of the newest alert of the heaviest actor."""
    examples: list[str] = field(default_factory=list)
    """Ids of exchanges."""
    decisions: list[str] = field(default_factory=list)
    """What was done: ids of decisions."""
    note: str = ""
    """What people said: `normal` when it was none."""
    demoted: bool = False
    """Whether nobody is called for it, since the day's budget was used up by worse ones."""

    @property
    def severity(self) -> str:
        """`low`, `medium`, `high` or `critical`, by what was reached."""
        if "account_takeover" in self.classes and self.outcome != "tried":
            return "critical"
        return LEVELS[self.outcome] if self.outcome != "tried" or self.actor_count < 5 else "medium"

    def to_json(self) -> dict[str, Any]:
        """As it is kept and told."""
        told: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return told | {"severity": self.severity}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Incident:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a field is missing.
        """
        return cls(**{name: told[name] for name in cls.__slots__})


class Incidents:
    """All incidents lately, and what leads to them.

    Args:
        budget: incidents a day that people are called for; those that reached more come first.
    """

    def __init__(self, budget: int = 5) -> None:
        self.budget = budget
        self.table: Bounded[Incident] = Bounded(MOST)
        self.next = 1
        self._by_key: Bounded[str] = Bounded(20_000)

    def take(self, alert: Alert) -> Incident:
        """Put an alert into the incident that it belongs to."""
        keys = _keys(alert)
        incident = next((found for key in keys if (found := self._open(key, alert.time)) is not None), None)
        if incident is None:
            incident = Incident(f"i-{self.next}", alert.time, alert.time, alert.seen.api)
            self.next += 1
            today = [one for one in self.table.table.values() if one.first > alert.time - 24 * HOUR_US]
            called = sum(not one.demoted for one in today)
            incident.demoted = called >= self.budget and alert.outcome == "tried"
        self.table.put(incident.id, incident)
        for key in keys:
            self._by_key.put(key, incident.id)
        _grow(incident, alert)
        return incident

    def _open(self, key: str, time: int) -> Incident | None:
        found = self.table.get(self._by_key.get(key) or "")
        return found if found is not None and time - found.last < QUIET_US else None

    def newest(self) -> list[Incident]:
        """All, the newest first."""
        return sorted(self.table.table.values(), key=lambda incident: (-incident.last, incident.id))

    def restore(self, incidents: list[Incident], following: int, keys: Mapping[str, str]) -> None:
        """Take over what was kept."""
        for incident in incidents:
            self.table.put(incident.id, incident)
        self.next = following
        for key, value in keys.items():
            self._by_key.put(key, value)

    def keys(self) -> dict[str, str]:
        """What leads to incidents, to be kept."""
        return dict(self._by_key.table)


def _keys(alert: Alert) -> list[str]:
    seen = alert.seen
    keys = [f"actor {alert.actor}", f"{alert.abuse} {seen.operation}"]
    if seen.anonymous:
        keys.append(f"client {seen.address} {seen.print}")
    if alert.sharers < RARE:
        keys.append(f"look {seen.print}")
    if alert.abuse in ("account_takeover", "token_replay"):
        keys[1] = f"{alert.abuse} {seen.api}"
    if alert.abuse in ("reconnaissance", "function_probing"):
        # These go over many operations; what ties them together is who does it.
        keys[1] = f"{alert.abuse} look {seen.print}"
    if alert.actor.startswith("subject:") or seen.subject:
        keys.append(f"actor subject:{seen.subject}")
    return keys


def _grow(incident: Incident, alert: Alert) -> None:
    incident.last = alert.time
    incident.alerts += 1
    if alert.abuse.value not in incident.classes:
        incident.classes.append(alert.abuse.value)
    if alert.actor not in incident.actors:
        incident.actor_count += 1
        if len(incident.actors) < MOST_ACTORS:
            incident.actors.append(alert.actor)
    operation = alert.seen.operation
    if operation not in incident.operations and len(incident.operations) < MOST_ACTORS:
        incident.operations.append(operation)
    if SEVERITIES.index(alert.outcome) > SEVERITIES.index(incident.outcome):
        incident.outcome = alert.outcome
        incident.demoted = False
    if alert.weight >= incident.weight or not incident.reasons:
        incident.weight = round(alert.weight, 2)
        incident.reasons = [
            {
                "detector": name,
                "sentence": part.sentence,
                "weight": round(part.weight, 2),
                "observed": part.observed,
                "expected": part.expected,
                "sure": round(part.sure, 2),
            }
            for name, part in alert.reasons[:5]
        ]
    if len(incident.examples) < MOST_EXAMPLES and alert.seen.id not in incident.examples:
        incident.examples.append(alert.seen.id)
