"""From events to alerts: every detector on every exchange, sums for each actor and class, alerts where a sum is enough.

Deterministic: the same events in the same order give the same alerts. Events that come twice count once; those out of
order, or from a clock that is off, count as now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stockade.detect.behaviour.actors import Actors
from stockade.detect.behaviour.detectors import (
    flow,
    functions,
    guessing,
    objects,
    probing,
    replay,
    takeover,
    volume,
)
from stockade.detect.behaviour.detectors.sight import Sight
from stockade.detect.behaviour.drift import Drift
from stockade.detect.behaviour.known import Known
from stockade.detect.behaviour.normal import Normal
from stockade.detect.behaviour.observation import Observation, number_of, read
from stockade.detect.behaviour.signals import ALERT, HOUR_US, WATCH, Abuse, Part, Score, Signal

DETECTORS: tuple[Callable[[Sight], None], ...] = (
    guessing.observe,
    replay.observe,
    takeover.observe,
    objects.observe,
    functions.observe,
    probing.observe,
    flow.observe,
    volume.observe,
)
"""All detectors, in order."""

REMEMBERED_IDS = 50_000
"""Ids of exchanges kept twice over, by which those that come again are known."""

AHEAD_US = 60_000_000
"""How far the clock of a gateway may be ahead, microseconds."""

BEHIND_US = 5_000_000
"""How far events may be out of order before their time counts as now, microseconds."""

LONGEST_GAP_US = 7 * 24 * HOUR_US
"""A step of time larger than this is a clock that is off, where nobody tells when the event came."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An actor does what nobody should; or does more of it than when it was last told."""

    time: int
    """When, microseconds since the epoch."""
    actor: str
    """Who."""
    abuse: Abuse
    """What."""
    weight: float
    """Log-odds."""
    outcome: str
    """How far it got: `tried`, `succeeded` or `data`."""
    reasons: tuple[tuple[str, Part], ...]
    """Why: detectors and what they told, the heaviest first."""
    seen: Observation
    """The exchange that made it."""
    again: bool
    """Whether the actor was told of before, for the same."""
    sharers: int
    """Users who are known to have a client that looks like this one; 64 stand for all above."""


class RuleSet(Protocol):
    """Detection rules; see `detect/rules`."""

    def take(self, raw: Mapping[str, Any], actor: str, time: int) -> Iterable[Signal]:
        """Take a record in; what the rules say to it."""


class Behaviour:
    """What is remembered of all actors, and the judgement on them.

    Args:
        most: actors remembered.
        rules: detection rules.
    """

    def __init__(self, most: int = 1_000_000, rules: RuleSet | None = None) -> None:
        self.actors = Actors(most)
        self.known = Known()
        self.rules = rules
        self.drift = Drift()
        self.normal: list[Normal] = []
        self.now = 0
        self.counts = {"events": 0, "doubled": 0, "late": 0, "ahead": 0, "unread": 0, "frozen": 0, "normal": 0}
        self._ids: tuple[set[str], set[str]] = (set(), set())
        self.lately: dict[tuple[Abuse, str], list[tuple[int, str]]] = {}

    def take(self, raw: Mapping[str, Any], received: int | None = None) -> tuple[Observation | None, Sequence[Alert]]:
        """Take one record in.

        Args:
            raw: the record as in the spool.
            received: when it came, microseconds since the epoch; its own time counts where nobody knows.

        Returns:
            What was seen in it, None when nothing counts; and alerts.
        """
        try:
            seen = read(raw)
        except (KeyError, TypeError, AttributeError, ValueError):
            self.counts["unread"] += 1
            return None, ()
        if seen is None:
            return None, ()
        if not self._is_new(seen.id):
            self.counts["doubled"] += 1
            return None, ()
        self._set_time(seen, received)
        self.counts["events"] += 1
        return seen, self._judge(seen, raw)

    def _is_new(self, exchange: str) -> bool:
        newer, older = self._ids
        if exchange in newer or exchange in older:
            return False
        newer.add(exchange)
        if len(newer) >= REMEMBERED_IDS:
            self._ids = (set(), newer)
        return True

    def _set_time(self, seen: Observation, received: int | None) -> None:
        now = self.now
        if received is not None and seen.time > received + AHEAD_US:
            self.counts["ahead"] += 1
            seen.time = max(now, received)
        elif received is None and now and seen.time > now + LONGEST_GAP_US:
            self.counts["ahead"] += 1
            seen.time = now
        if seen.time < now - BEHIND_US:
            self.counts["late"] += 1
        seen.time = self.now = max(now, seen.time)

    def _judge(self, seen: Observation, raw: Mapping[str, Any]) -> Sequence[Alert]:
        known = self.known
        actor = self.actors.at(seen.actor, seen.role, seen.time)
        if seen.own:
            # What Stockade itself refused must not count against anybody, nor teach anything.
            return ()
        operation, role = known.operation(seen.operation), known.role(seen.role)
        learn = actor.sum(seen.time) < WATCH
        if not known.since_s:
            known.since_s = seen.time // 1_000_000
        if learn:
            operation.calls += 1
            operation.anonymous += seen.anonymous
            role.events += 1
            known.everybody.events += 1
            if actor.seen == 0:
                role.actors += 1
                known.everybody.actors += 1
                role.bad.begin(0.0)
                role.runs.begin(0.0)
        if actor.role != seen.role:
            # Somebody moved to another job: what was usual there is usual no more.
            actor.role, actor.new_functions = seen.role, 0
        sight = Sight(seen, actor, number_of(seen.actor), self.actors, known, operation, role, learn, [])
        for observe in DETECTORS:
            observe(sight)
        if self.rules is not None:
            sight.signals.extend(self.rules.take(raw, seen.actor, seen.time))
        actor.seen += 1
        self.drift.see(seen.time, seen.operation, sight.number, bool(sight.signals))
        return [alert for signal in sight.signals if (alert := self._add(signal, seen)) is not None]

    def _add(self, signal: Signal, seen: Observation) -> Alert | None:
        if any(one.covers(signal, seen) for one in self.normal):
            self.counts["normal"] += 1
            return None
        if self._others(signal, seen) < 3 and self.drift.is_frozen(signal, seen, self.actors):
            self.counts["frozen"] += 1
            return None
        actor = self.actors.at(signal.actor, seen.role if signal.actor == seen.actor else "group", seen.time)
        if actor.scores is None:
            actor.scores = {}
        score = actor.scores.get(signal.abuse)
        if score is None:
            score = actor.scores[signal.abuse] = Score(seen.time)
        weight = score.add(signal, seen.time)
        if weight < ALERT and weight >= 2.5:
            weight = self._join(score, signal, seen)
        if weight < ALERT or weight < score.alerted + 1.0:
            return None
        again = score.alerted > 0
        score.alerted = weight
        self.known.flagged.put(number_of(signal.actor) & 0xFFFFFF00, 1)
        if not again:
            self.lately.setdefault((signal.abuse, seen.operation), []).append((seen.time, signal.actor))
        return Alert(
            seen.time,
            signal.actor,
            signal.abuse,
            weight,
            outcome_of(signal, seen),
            tuple(score.reasons()),
            seen,
            again,
            self.known.print_of(number_of(seen.print), seen.time)[1].bit_count(),
        )

    def _others(self, signal: Signal, seen: Observation) -> int:
        """Other actors with alerts for the same at the same operation, in two hours."""
        lately = self.lately.get((signal.abuse, seen.operation))
        if not lately:
            return 0
        lately[:] = [one for one in lately if one[0] > seen.time - 2 * HOUR_US][-200:]
        return len({who for _, who in lately if who != signal.actor})

    def _join(self, score: Score, signal: Signal, seen: Observation) -> float:
        """Others who do the same at the same time make it likelier: a campaign."""
        others = self._others(signal, seen)
        if others < 2:
            return score.sum()
        sentence = f"{others} other actors were found doing the same within two hours; none is usual"
        joined = Signal(
            signal.actor, signal.abuse, "campaign", 1.5 + 0.75 * others, 4.5, sentence, others, 0, adds=False
        )
        return score.add(joined, seen.time)


def outcome_of(signal: Signal, seen: Observation) -> str:
    """How far abuse got with an exchange."""
    if seen.refused_by or seen.status >= 400 or seen.status == 0:
        return "tried"
    if signal.abuse in (Abuse.OBJECT_ENUMERATION, Abuse.SCRAPING, Abuse.DATA_EGRESS, Abuse.TOKEN_REPLAY):
        return "data"
    if signal.abuse in (Abuse.ACCOUNT_TAKEOVER, Abuse.FUNCTION_PROBING, Abuse.FLOW_ABUSE, Abuse.CREDENTIAL_STUFFING):
        return "succeeded"
    return "tried"
