"""Scores detection and containment in simulated worlds, beside simple baselines, against what is true there."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Protocol

from stockade.app.baselines import ByAddress, BySession, Forest
from stockade.app.containment import Containment
from stockade.detect.behaviour.engine import Behaviour
from stockade.detect.behaviour.incidents import Incidents
from stockade.detect.behaviour.observation import read
from stockade.model.decision import Decision, DecisionAction
from stockade.respond.actions.selectors import Selectors
from stockade.sim.call import Call, record
from stockade.sim.world import World

DELAY_US = 500_000
"""Time from an event to the decision that follows from it being in force, microseconds."""

NAMED = {
    "credential_stuffing": ("guessing",),
    "password_spraying": ("guessing",),
    "brute_force": ("guessing",),
    "account_takeover": ("takeover", "guessing"),
    "token_replay": ("replay",),
    "scraping": ("objects.walk", "volume.objects", "volume.requests", "volume.bytes"),
    "object_enumeration": ("objects", "volume.private", "campaign"),
    "function_probing": ("functions", "campaign"),
    "flow_abuse": ("flow", "guessing", "campaign"),
    "reconnaissance": ("probing",),
    "data_egress": ("volume",),
    "resource_abuse": ("volume",),
    "mixed": ("probing", "guessing", "objects"),
}
"""Detectors whose sentence names what a class of campaign was made to do."""


class Guard(Protocol):
    """What is scored: sees every record, and may say what the gateway is to do."""

    def see(self, raw: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Take a record; what is new: an incident's id and the detector of its heaviest reason."""

    def decisions(self) -> list[Decision] | None:
        """Decisions now in force, when they have changed; None when not."""


class Product:
    """Stockade itself."""

    def __init__(self) -> None:
        self.loop = Containment(Behaviour(), Incidents())
        self._ticked = 0

    def see(self, raw: Mapping[str, Any]) -> list[tuple[str, str]]:
        """See `Guard`."""
        found = self.loop.take(raw)
        now = self.loop.behaviour.now
        if now - self._ticked > 5_000_000:
            self._ticked = now
            self.loop.tick(now)
        return [(one.id, one.reasons[0]["detector"]) for one in found]

    def decisions(self) -> list[Decision] | None:
        """See `Guard`."""
        if not self.loop.changed:
            return None
        self.loop.changed = False
        return self.loop.decisions()


class Nothing:
    """No protection: what abuse does when nothing stops it."""

    def see(self, _raw: Mapping[str, Any]) -> list[tuple[str, str]]:
        """See `Guard`."""
        return []

    def decisions(self) -> list[Decision] | None:
        """See `Guard`."""
        return None


@dataclass(slots=True)
class CampaignScore:
    """What became of one campaign."""

    abuse: str
    """Class."""
    strength: str
    """Strength."""
    calls: int = 0
    """Calls in it."""
    passed: int = 0
    """Calls let through."""
    harm: int = 0
    """Calls that would have done harm."""
    leaked: int = 0
    """Calls that did."""
    leaked_before: int = 0
    """Of these, until the first call was refused."""
    found_s: float | None = None
    """Seconds to the first alert; None when there was none."""
    contained_s: float | None = None
    """Seconds until the last call that was let through, when anything was refused."""
    incidents: set[str] = field(default_factory=set)
    """Incidents that its calls made or fed."""
    named: bool = False
    """Whether the reason of the first alert names what it did."""


@dataclass(slots=True)
class WorldScore:
    """What came out of one world."""

    seed: int
    """Seed."""
    campaigns: dict[str, CampaignScore] = field(default_factory=dict)
    """By id."""
    user_days: int = 0
    """Days times people who called on them, in the scored time."""
    refused: set[tuple[str, int]] = field(default_factory=set)
    """Innocent people and days on which they were refused."""
    challenged: set[tuple[str, int]] = field(default_factory=set)
    """Likewise challenged."""
    slowed: set[tuple[str, int]] = field(default_factory=set)
    """Likewise slowed."""
    calls: int = 0
    """Innocent calls in the scored time."""
    calls_refused: int = 0
    """Of these, refused."""
    false_incidents: set[str] = field(default_factory=set)
    """Incidents that only innocent calls made."""
    days: float = 0.0
    """Scored days."""


def score(world: World, guard: Guard) -> WorldScore:
    """Run one world, with what the guard decides carried out, and compare with what is true."""
    found = WorldScore(world.ground.seed)
    for campaign in world.campaigns:
        found.campaigns[campaign.id] = CampaignScore(campaign.abuse, campaign.strength)
    starts = {campaign.id: campaign.start for campaign in world.campaigns}
    scored_from = world.ground.scored_from
    found.days = (world.ground.end - scored_from) / 86_400_000_000
    chance, api = world.ground.chance("records"), world.ground.catalogue.api
    in_force: Selectors[Decision] = Selectors()
    coming: list[tuple[int, Selectors[Decision]]] = []
    days: set[tuple[str, int]] = set()
    culprits: set[str] = set()
    made: dict[str, set[str]] = defaultdict(set)
    for call in world.calls():
        while coming and coming[0][0] <= call.time:
            in_force = coming.pop(0)[1]
        raw = record(call, api, chance)
        decision = _stopped(raw, in_force, call.time)
        if decision is not None and decision.action in (DecisionAction.BLOCK, DecisionAction.CHALLENGE):
            refuse(call, raw, decision)
        _note(found, call, decision, scored_from, days, culprits)
        for incident, detector in guard.see(raw):
            made[incident].add(call.campaign)
            if call.campaign:
                mine = found.campaigns[call.campaign]
                mine.incidents.add(incident)
                if mine.found_s is None:
                    mine.found_s = (call.time - starts[call.campaign]) / 1e6
                    mine.named = detector.startswith(NAMED[mine.abuse])
        new = guard.decisions()
        if new is not None:
            coming.append((call.time + DELAY_US, Selectors((one.selector, one) for one in new)))
        if call.campaign and decision is None:
            found.campaigns[call.campaign].contained_s = (call.time - starts[call.campaign]) / 1e6
    found.user_days = len(days)
    found.false_incidents = {incident for incident, who in made.items() if who == {""}}
    for mine in found.campaigns.values():
        if mine.passed == mine.calls:
            mine.contained_s = None
    found.refused = {one for one in found.refused if one[0] not in culprits}
    return found


def refuse(call: Call, raw: dict[str, Any], decision: Decision) -> None:
    """Make the record that of a call which a decision refused."""
    call.refused_by = "decisions"
    raw["verdict"] = "refused"
    raw["response"]["status"] = 403
    raw["response"]["body_bytes"] = 50
    raw["timing"]["upstream_us"] = 0
    raw["refusals"] = [
        {
            "stage": "decisions",
            "reason": "decisions.blocked",
            "status": 403,
            "setting": f"decisions.{decision.id}",
            "detail": "",
        }
    ]


def _stopped(raw: Mapping[str, Any], in_force: Selectors[Decision], now: int) -> Decision | None:
    seen = read(raw)
    if seen is None:
        return None
    fitting = [one for one in in_force.fitting(seen) if one.expires_at > now]
    order = (DecisionAction.BLOCK, DecisionAction.CHALLENGE, DecisionAction.LIMIT, DecisionAction.SLOW_DOWN)
    return min(fitting, key=lambda one: order.index(one.action) if one.action in order else 9, default=None)


def _note(
    found: WorldScore,
    call: Call,
    decision: Decision | None,
    scored_from: int,
    days: set[tuple[str, int]],
    culprits: set[str],
) -> None:
    refused = decision is not None and decision.action is DecisionAction.BLOCK
    challenged = decision is not None and decision.action is DecisionAction.CHALLENGE
    if call.campaign:
        culprits.add(call.by)
        mine = found.campaigns[call.campaign]
        mine.calls += 1
        harmful = call.harm in ("succeeded", "data")
        mine.harm += harmful
        if not refused and not challenged:
            mine.leaked_before += harmful and mine.passed == mine.calls - 1
            mine.passed += 1
            mine.leaked += harmful
        return
    if call.time < scored_from:
        return
    day = (call.by, call.time // 86_400_000_000)
    days.add(day)
    found.calls += 1
    if refused:
        found.calls_refused += 1
        found.refused.add(day)
    elif challenged:
        found.challenged.add(day)
    elif decision is not None and decision.action is DecisionAction.SLOW_DOWN:
        found.slowed.add(day)


@dataclass(frozen=True, slots=True)
class Figure:
    """A median over seeds, with the interval that 95 of 100 resamplings of the seeds give."""

    median: float
    low: float
    high: float
    worst: float


def figure(values: Sequence[float]) -> Figure:
    """The figure of some values, one for each seed; higher is worse."""
    chance = random.Random(1)  # noqa: S311
    drawn = sorted(median(chance.choices(values, k=len(values))) for _ in range(1000))
    return Figure(median(values), drawn[24], drawn[974], max(values))


def summary(scores: Sequence[WorldScore]) -> dict[str, Any]:
    """All figures over some worlds."""
    by_class: dict[tuple[str, str], list[CampaignScore]] = defaultdict(list)
    for one in scores:
        for campaign in one.campaigns.values():
            if campaign.calls:
                by_class[(campaign.abuse, campaign.strength)].append(campaign)
    classes = {}
    for (abuse, strength), mine in sorted(by_class.items()):
        leaks = [one.leaked / one.harm if one.harm else 0.0 for one in mine]
        found = [one for one in mine if one.found_s is not None]
        stopped = [one.contained_s for one in mine if one.contained_s is not None]
        classes[f"{abuse} {strength}"] = {
            "campaigns": len(mine),
            "found": len(found),
            "contained": len(stopped),
            "found_s": _told(figure([one.found_s or 0.0 for one in found])) if found else None,
            "leaked_share": _told(figure(leaks)),
            "leaked": _told(figure([float(one.leaked) for one in mine])),
            "harm": sum(one.harm for one in mine),
            "one_incident": sum(len(one.incidents) == 1 for one in mine),
            "named": sum(one.named for one in found),
        }
    everything = [campaign for mine in by_class.values() for campaign in mine]
    found_all = [one for one in everything if one.found_s is not None]
    user_days = sum(one.user_days for one in scores)
    return {
        "seeds": [one.seed for one in scores],
        "user_days": user_days,
        "users_refused": sum(len(one.refused) for one in scores),
        "users_challenged": sum(len(one.challenged) for one in scores),
        "users_slowed": sum(len(one.slowed) for one in scores),
        "calls_refused_in_a_million": _share(
            sum(one.calls_refused for one in scores), sum(one.calls for one in scores)
        ),
        "false_incidents_a_day": sum(len(one.false_incidents) for one in scores)
        / max(0.01, sum(one.days for one in scores)),
        "one_incident_share": sum(len(one.incidents) == 1 for one in found_all) / max(1, len(found_all)),
        "named_share": sum(one.named for one in found_all) / max(1, len(found_all)),
        "classes": classes,
    }


def _share(part: int, whole: int) -> float:
    return 1e6 * part / max(1, whole)


def _told(value: Figure) -> list[float]:
    return [round(number, 4) for number in (value.median, value.low, value.high, value.worst)]


GUARDS: dict[str, Callable[[World], Guard]] = {
    "stockade": lambda _: Product(),
    "address": lambda _: ByAddress(),
    "session": lambda world: BySession(world.ground.scored_from),
    "forest": lambda world: Forest(world.ground.scored_from, world.ground.seed),
    "none": lambda _: Nothing(),
}
"""What can be scored, by name."""
