"""The closed loop: events to alerts, alerts to incidents and decisions, and decisions watched for whom they hit.

No clock, files or sockets: `app/behaviour.py` runs it on live events, `app/scoring.py` in simulated worlds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stockade.detect.behaviour.engine import Alert, Behaviour
from stockade.detect.behaviour.incidents import Incident, Incidents
from stockade.detect.behaviour.observation import Observation, number_of
from stockade.detect.behaviour.signals import RELEASE, WATCH
from stockade.model.decision import Decision, DecisionAction
from stockade.respond.actions.contain import GOOD_SHARE, Measure, Suspect, Traffic, is_of, measure
from stockade.respond.actions.selectors import fits

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US

MOST_ACTIVE = 20_000
"""Automatic decisions at once."""

SETTLE_US = 2 * SECOND_US
"""How long a decision gets to be in force everywhere before another one follows about the same actor."""

WRONG = 2
"""Good actors that a decision may refuse before it is taken back."""

PAUSE_US = 3600 * SECOND_US
"""How long nothing is refused automatically after the day's budget of good actors is used up."""

HISTORY_US = 600 * SECOND_US
"""How long an actor must have been known to count as a good one that was hit."""


@dataclass(slots=True)
class Active:
    """One automatic decision in force."""

    decision: Decision
    """The decision."""
    suspect: str
    """Whom it is about."""
    incident: str
    """Incident that it belongs to."""
    since: int
    """When it was taken, microseconds since the epoch."""
    seconds: int
    """How long it lasts."""
    collateral: int
    """Good actors that it was expected to hit."""
    why: str
    """How its selector was chosen."""
    refused: int = 0
    """Exchanges that it refused."""
    last: int = 0
    """When it last did."""
    wrong: set[str] = field(default_factory=set)
    """Good actors that it refused."""

    def to_json(self) -> dict[str, Any]:
        """As it is kept and told."""
        return {
            "decision": self.decision.to_json(),
            "suspect": self.suspect,
            "incident": self.incident,
            "since": self.since,
            "seconds": self.seconds,
            "collateral": self.collateral,
            "why": self.why,
            "refused": self.refused,
            "last": self.last,
            "wrong": sorted(self.wrong),
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Active:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a field is missing.
        """
        return cls(**{**told, "decision": Decision.from_json(told["decision"]), "wrong": set(told["wrong"])})


class Containment:
    """The loop.

    Args:
        behaviour: what is remembered of actors.
        incidents: campaigns.
        never: selectors of those who may never be acted against.
        acts: whether decisions are taken; when not, alerts and incidents are all there is.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        incidents: Incidents,
        never: Sequence[Mapping[str, str]] = (),
        *,
        acts: bool = True,
    ) -> None:
        self.behaviour = behaviour
        self.incidents = incidents
        self.never = never
        self.acts = acts
        self.active: dict[str, Active] = {}
        self.traffic = Traffic(self._is_good)
        self.news: list[str] = []
        self.changed = False
        self.paused_until = 0
        self._times: dict[str, list[int]] = {}
        self._wrong: dict[str, int] = {}
        self._decided: dict[str, int] = {}

    def take(self, raw: Mapping[str, Any], received: int | None = None) -> list[Incident]:
        """Take one record in.

        Returns:
            Incidents that are new, or of which there is news.
        """
        seen, alerts = self.behaviour.take(raw, received)
        if seen is None:
            return []
        if seen.own:
            self._refused(seen, raw)
            return []
        self.traffic.add(seen)
        return [self._alert(alert) for alert in alerts]

    def tick(self, now: int) -> None:
        """Let decisions end that have, and go on where the actor still tries.

        Args:
            now: microseconds since the epoch.
        """
        for name, active in list(self.active.items()):
            left = active.decision.expires_at - now
            if left > 5 * SECOND_US:
                continue
            actor = self.behaviour.actors.get(active.suspect)
            still = active.last > now - 300 * SECOND_US and actor is not None and actor.sum(now) > RELEASE
            if still and not active.wrong:
                self._times.setdefault(_key(active.decision.selector), []).append(now)
                self._extend(active, now)
            elif left <= 0:
                del self.active[name]
                self.changed = True

    def undo(self, decision: str, why: str) -> bool:
        """Take an automatic decision back.

        Returns:
            Whether there was one.
        """
        active = self.active.pop(decision, None)
        if active is None:
            return False
        self.changed = True
        self.news.append(f"took back decision `{decision}` ({active.decision.action}): {why}")
        return True

    def switch(self, acts: bool) -> None:
        """The kill switch: act from now on, or take back all and act no more."""
        self.acts = acts
        if not acts:
            for name in list(self.active):
                self.undo(name, "automatic decisions were switched off")

    def state(self) -> dict[str, Any]:
        """What is to be kept of it, beside behaviour and incidents."""
        return {
            "acts": self.acts,
            "active": [one.to_json() for one in self.active.values()],
            "paused_until": self.paused_until,
            "times": self._times,
            "wrong": self._wrong,
            "news": self.news[-50:],
        }

    def restore(self, told: Mapping[str, Any]) -> None:
        """Take over what `state` gave; a switch that was off stays off.

        Raises:
            KeyError: a field is missing.
        """
        self.acts = self.acts and bool(told["acts"])
        self.active = {one.decision.id: one for one in map(Active.from_json, told["active"])} if self.acts else {}
        self.paused_until = int(told["paused_until"])
        self._times = {str(key): list(times) for key, times in told["times"].items()}
        self._wrong = {str(key): int(time) for key, time in told["wrong"].items()}
        self.news = [str(text) for text in told["news"]]

    def decisions(self) -> list[Decision]:
        """All automatic decisions in force."""
        return [active.decision for active in self.active.values()]

    def _alert(self, alert: Alert) -> Incident:
        incident = self.incidents.take(alert)
        if not self.acts or alert.time < self.paused_until or len(self.active) >= MOST_ACTIVE:
            return incident
        if alert.time - self._decided.get(alert.actor, 0) < SETTLE_US:
            # What was decided is not in force everywhere yet.
            return incident
        suspect = Suspect(alert.actor, alert.abuse.value, alert.seen, alert.sharers)
        found = measure(suspect, self.traffic, lambda selector: self._count(selector, alert.time))
        if found is None or found.action is DecisionAction.WATCH or self._may_never(found, alert):
            return incident
        same = next((one for one in self.active.values() if one.decision.selector == found.selector), None)
        if same is None:
            self._decide(found, alert, incident)
        return incident

    def _decide(self, found: Measure, alert: Alert, incident: Incident) -> None:
        if len(self._times) >= MOST_ACTIVE:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(_key(found.selector), []).append(alert.time)
        name = f"b-{number_of(f'{incident.id} {_key(found.selector)} {alert.time}'):016x}"
        reason = f"{incident.id} {alert.abuse.value}: {alert.reasons[0][1].sentence}"
        decision = Decision(
            name, dict(found.selector), found.action, reason[:500], alert.time + found.seconds * SECOND_US
        )
        self.active[name] = Active(
            decision, alert.actor, incident.id, alert.time, found.seconds, found.collateral, found.why
        )
        if len(incident.decisions) < 100:
            incident.decisions.append(name)
        self._decided[alert.actor] = alert.time
        if len(self._decided) > MOST_ACTIVE:
            self._decided.pop(next(iter(self._decided)))
        self.changed = True

    def _extend(self, active: Active, now: int) -> None:
        seconds = min(active.seconds * 3, 86_400)
        before = active.decision
        active.decision = Decision(before.id, before.selector, before.action, before.reason, now + seconds * SECOND_US)
        active.seconds = seconds
        self.changed = True

    def _count(self, selector: Mapping[str, str], now: int) -> int:
        times = self._times.get(_key(selector), [])
        return sum(one > now - DAY_US for one in times)

    def _may_never(self, found: Measure, alert: Alert) -> bool:
        for selector in self.never:
            if fits(selector, alert.seen) or all(found.selector.get(name) == value for name, value in selector.items()):
                return True
        return False

    def _refused(self, seen: Observation, raw: Mapping[str, Any]) -> None:
        setting = raw["refusals"][-1].get("setting", "")
        active = self.active.get(setting.removeprefix("decisions."))
        if active is None:
            return
        active.refused += 1
        active.last = seen.time
        if is_of(active.suspect, seen) or not self._was_good(seen, active.since):
            return
        active.wrong.add(seen.actor)
        self._wrong[seen.actor] = seen.time
        self._wrong = {who: time for who, time in self._wrong.items() if time > seen.time - DAY_US}
        if len(active.wrong) >= max(WRONG, 2 * active.collateral):
            self.undo(active.decision.id, f"it refused {len(active.wrong)} good actors, such as {seen.actor}")
        lately = len(self._wrong)
        if lately > max(2 * WRONG, GOOD_SHARE * self.traffic.good()):
            self.paused_until = seen.time + PAUSE_US
            for name in [one for one, held in self.active.items() if held.wrong]:
                self.undo(name, f"{lately} good actors were hit in a day, which is more than the budget")
            self._wrong = {}
            self.news.append("the budget of good actors is used up: nothing is decided automatically for an hour")

    def _was_good(self, seen: Observation, since: int) -> bool:
        actor = self.behaviour.actors.get(seen.actor)
        return actor is not None and actor.seen >= 5 and actor.first < since - HISTORY_US and self._is_good(seen.actor)

    def _is_good(self, key: str) -> bool:
        actor = self.behaviour.actors.get(key)
        return actor is not None and actor.sum(self.behaviour.now) < WATCH


def _key(selector: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(selector.items()))


def sentences(incidents: Iterable[Incident]) -> list[str]:
    """One line for each incident, for logs."""
    return [
        f"{one.id} {one.severity} {', '.join(one.classes)} by {one.actor_count} actors: "
        f"{one.reasons[0]['sentence'] if one.reasons else ''}"
        for one in incidents
    ]
