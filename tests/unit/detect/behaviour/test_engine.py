"""Behaviour: what it notices in a small world, what it lets be, and how it takes bad input."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from stockade.detect.behaviour.engine import Alert, Behaviour
from stockade.detect.behaviour.incidents import Incidents
from stockade.detect.behaviour.normal import Normal
from stockade.detect.behaviour.signals import Abuse
from stockade.detect.behaviour.snapshot import SnapshotError, lines, restore
from stockade.sim import catalogue
from stockade.sim.call import record
from stockade.sim.population import Population
from stockade.sim.world import World

SMALL = Population(users=150, days=1.0, warm_up=0.5)
LARGER = Population(users=400, days=1.4, warm_up=1.0)


def world(
    seed: int, *plans: dict[str, Any], name: str = "shop", people: Population = SMALL
) -> Iterator[tuple[Any, dict[str, Any]]]:
    made = World(catalogue.built_in(name), people, list(plans), seed)
    chance = made.ground.chance("records")
    for call in made.calls():
        yield call, record(call, name, chance)


def alerts_in(
    seed: int, *plans: dict[str, Any], name: str = "shop", people: Population = SMALL
) -> list[tuple[Any, Alert]]:
    behaviour = Behaviour()
    return [
        (call, alert) for call, raw in world(seed, *plans, name=name, people=people) for alert in behaviour.take(raw)[1]
    ]


@pytest.mark.parametrize(
    ("abuse", "detector"),
    [
        ("credential_stuffing", "guessing"),
        ("token_replay", "replay"),
        ("scraping", ("objects.walk", "volume")),
        ("object_enumeration", ("objects", "volume")),
        ("function_probing", "functions"),
        ("flow_abuse", ("guessing", "flow")),
        ("reconnaissance", "probing"),
        ("resource_abuse", "volume"),
    ],
)
def test_loud_abuse_is_noticed_by_the_detector_that_names_it(abuse: str, detector: str | tuple[str, ...]) -> None:
    found = alerts_in(7, {"class": abuse, "strength": "loud", "day": 0.6})
    mine = [alert for call, alert in found if call.campaign]
    assert mine
    assert mine[0].reasons[0][0].startswith(detector)
    assert mine[0].reasons[0][1].sentence


def test_nothing_is_held_against_ordinary_people_however_awkward() -> None:
    for seed in (1, 2, 3):
        scored = [alert for call, alert in alerts_in(seed) if call.time > SMALL.start + 0.5 * 86_400_000_000]
        assert [(alert.actor, alert.reasons[0][1].sentence) for alert in scored] == []


def test_the_same_events_give_the_same_alerts() -> None:
    plan = {"class": "object_enumeration", "strength": "loud", "day": 0.6}
    told = [[(alert.time, alert.actor, alert.weight) for _, alert in alerts_in(5, plan)] for _ in range(2)]
    assert told[0] == told[1] != []


def test_doubled_late_and_unreadable_events_change_nothing_and_are_counted() -> None:
    plain, disturbed = Behaviour(), Behaviour()
    chance = random.Random(1)
    one: list[Alert] = []
    other: list[Alert] = []
    for _, raw in world(5, {"class": "reconnaissance", "strength": "loud", "day": 0.6}):
        one += plain.take(raw)[1]
        other += disturbed.take(raw)[1]
        if chance.random() < 0.05:
            other += disturbed.take(raw)[1]
            for broken in ({}, {"kind": "exchange"}, {"kind": "notice"}, {**raw, "id": "x", "client": None}):
                other += disturbed.take(broken)[1]
    assert [alert.actor for alert in one] == [alert.actor for alert in other]
    assert disturbed.counts["doubled"] > 100
    assert disturbed.counts["unread"] > 100
    assert disturbed.counts["events"] == plain.counts["events"]


def test_a_clock_an_hour_off_counts_as_now() -> None:
    behaviour = Behaviour()
    for place, (_, raw) in enumerate(world(5)):
        received = raw["time"]
        if place % 7 == 0:
            raw["time"] += 3_600_000_000
        if place % 11 == 0:
            raw["time"] -= 3_600_000_000
        seen, alerts = behaviour.take(raw, received)
        assert seen is None or seen.time <= received + 60_000_000
        assert not alerts or place < 3000
    assert behaviour.counts["ahead"] > 0
    assert behaviour.counts["late"] > 0


def test_what_a_decision_refused_is_not_held_against_anybody() -> None:
    behaviour = Behaviour()
    for _, raw in world(5, {"class": "reconnaissance", "strength": "loud", "day": 0.6}):
        raw["verdict"] = "refused"
        raw["refusals"] = [
            {"stage": "decisions", "reason": "decisions.blocked", "status": 403, "setting": "decisions.x"}
        ]
        assert behaviour.take(raw)[1] == ()


def test_the_state_comes_back_whole_and_goes_on_the_same() -> None:
    first, incidents = Behaviour(), Incidents()
    records = [raw for _, raw in world(6, {"class": "reconnaissance", "strength": "loud", "day": 0.55})]
    half = next(place for place, raw in enumerate(records) if raw["verdict"] == "refused") - 5
    for raw in records[:half]:
        for alert in first.take(raw)[1]:
            incidents.take(alert)
    kept = [json.loads(json.dumps(line)) for line in lines(first, incidents, {"seq": 1})]
    second, again = Behaviour(), Incidents()
    assert restore(kept, second, again)["seq"] == 1
    assert [json.loads(json.dumps(line)) for line in lines(second, again, {"seq": 1})] == kept
    after = [
        [(one.time, one.actor, one.weight) for raw in records[half:] for one in each.take(raw)[1]]
        for each in (first, second)
    ]
    assert after[0] == after[1] != []


@pytest.mark.parametrize(
    "bad",
    [
        [],
        [{"format": 99}],
        [{"format": 1, "now": 1, "counts": {}}, ["actors", [[1, 2]]]],
        [["nonsense"]],
        ["text"],
        [5],
    ],
)
def test_lines_that_are_no_model_are_refused(bad: list[Any]) -> None:
    with pytest.raises(SnapshotError):
        restore(bad, Behaviour(), Incidents())


def test_what_people_call_normal_is_no_abuse_until_it_ends() -> None:
    plan = {"class": "scraping", "strength": "loud", "day": 0.6}
    (first, *_) = [alert for call, alert in alerts_in(7, plan) if call.campaign]
    behaviour = Behaviour()
    behaviour.normal.append(Normal("n-1", first.time + 10**12, "a partner", actor=first.actor, abuse=Abuse.SCRAPING))
    found = [alert for _, raw in world(7, plan) for alert in behaviour.take(raw)[1] if alert.abuse is Abuse.SCRAPING]
    assert found == []
    assert behaviour.counts["normal"] > 0
    behaviour = Behaviour()
    behaviour.normal.append(Normal("n-1", first.time - 1, "a partner", actor=first.actor))
    assert [alert for _, raw in world(7, plan) for alert in behaviour.take(raw)[1] if alert.actor == first.actor]


def test_one_campaign_over_many_accounts_is_one_incident() -> None:
    incidents = Incidents()
    plan = {"class": "object_enumeration", "strength": "loud", "variant": "distributed", "accounts": 30, "day": 1.1}
    for call, alert in alerts_in(8, plan, name="bank", people=LARGER):
        if call.campaign:
            incidents.take(alert)
    assert len(incidents.newest()) == 1
    assert incidents.newest()[0].actor_count > 5
    assert incidents.newest()[0].severity == "high"


def test_actors_are_forgotten_when_there_are_too_many() -> None:
    behaviour = Behaviour(most=50)
    for _, raw in world(5):
        behaviour.take(raw)
    assert len(behaviour.actors.table) == 50
