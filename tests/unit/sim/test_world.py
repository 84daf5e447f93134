"""A simulated world: the same for the same seed, true to its files, and in the form of the gateway's records."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from stockade.model.event import Event, record_from_json
from stockade.sim import campaigns, catalogue, population
from stockade.sim.call import Call, record
from stockade.sim.campaigns import CLASSES, every_class
from stockade.sim.population import AWKWARD, Population
from stockade.sim.problem import SimProblemError
from stockade.sim.world import World

SMALL = Population(users=60, days=1.0, warm_up=0.5)


def calls(name: str, seed: int, strength: str = "medium") -> list[Call]:
    return list(World(catalogue.built_in(name), SMALL, every_class(strength), seed).calls())


def test_the_same_seed_gives_the_same_world_and_another_one_another() -> None:
    one, same, other = calls("shop", 1), calls("shop", 1), calls("shop", 2)
    assert one == same
    assert one != other
    chance = [World(catalogue.built_in("shop"), SMALL, [], 1).ground.chance("records") for _ in range(2)]
    assert [record(call, "shop", chance[0]) for call in one] == [record(call, "shop", chance[1]) for call in same]


@pytest.mark.parametrize("name", catalogue.BUILT_IN)
@pytest.mark.parametrize("strength", ["loud", "medium", "quiet"])
def test_every_class_happens_and_does_harm_in_order_of_time(name: str, strength: str) -> None:
    found = calls(name, 3, strength)
    assert all(one.time <= after.time for one, after in pairwise(found))
    abuse = Counter(call.campaign.rsplit("-", 1)[0] for call in found if call.campaign)
    assert set(abuse) == set(CLASSES)
    assert not [call for call in found if call.harm and not call.campaign]
    harms = Counter(call.harm for call in found if call.campaign)
    assert harms["data"]
    assert harms["tried"]


def test_records_are_events_of_the_gateway() -> None:
    world = World(catalogue.built_in("bank"), SMALL, every_class("loud"), 4)
    chance = world.ground.chance("records")
    for call in world.calls():
        event = record_from_json(record(call, "bank", chance))
        assert isinstance(event, Event)
        assert event.time == call.time
        assert event.request
        assert event.request.path == call.path
        assert event.response
        assert event.response.status == call.status


def test_objects_have_owners_and_only_flawed_operations_show_them_to_others() -> None:
    world = World(catalogue.built_in("shop"), SMALL, every_class("loud"), 5)
    flaws = set(world.ground.catalogue.flaws)
    leaked = {
        call.operation.id
        for call in world.calls()
        if call.campaign.startswith("object") and call.harm == "data" and call.operation
    }
    assert leaked
    assert leaked <= flaws


def test_files_of_others_are_taken_and_wrong_ones_are_named(tmp_path: Path) -> None:
    spec, owners = tmp_path / "api.yaml", tmp_path / "owners.yaml"
    spec.write_text(
        json.dumps(
            {
                "paths": {
                    "/in": {"post": {"operationId": "in", "tags": ["anonymous"]}},
                    "/notes/{note}": {"get": {"operationId": "note", "tags": ["writer"]}},
                }
            }
        )
    )
    told = {
        "api": "notes",
        "login": ["in"],
        "flaws": ["note"],
        "roles": {"writer": {"share": 1.0}},
        "kinds": {"note": {"parameter": "note", "owner": "writer", "each": 3}},
    }
    owners.write_text(json.dumps(told))
    plan = tmp_path / "campaigns.yaml"
    plan.write_text("campaigns: [{class: object_enumeration, strength: loud, day: 0.6, objects: 40}]")
    world = World(catalogue.load(spec, owners), SMALL, campaigns.load(plan), 1)
    found = list(world.calls())
    abuse = [call for call in found if call.campaign]
    assert len(abuse) == 40
    assert all(call.path.startswith("/notes/") for call in abuse)
    owners.write_text(json.dumps({**told, "kinds": {"note": {"parameter": "note", "owner": "reader"}}}))
    with pytest.raises(SimProblemError, match="owned by `reader`, which is no role"):
        catalogue.load(spec, owners)
    plan.write_text("campaigns: [{class: mischief}]")
    with pytest.raises(SimProblemError, match="got `mischief`"):
        campaigns.load(plan)
    with pytest.raises(SimProblemError, match="`usres` is not known"):
        population.from_mapping({"usres": 3}, "file")


def test_each_oddity_can_be_left_out() -> None:
    quiet = Population(users=60, days=1.0, warm_up=0.5, awkward=())
    plain = sum(1 for _ in World(catalogue.built_in("shop"), quiet, [], 1).calls())
    for name in AWKWARD:
        odd = Population(users=60, days=1.0, warm_up=0.5, awkward=(name,))
        assert sum(1 for _ in World(catalogue.built_in("shop"), odd, [], 1).calls()) > plain, name
