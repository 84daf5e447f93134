"""The closed loop with a real gateway: ordinary people and attackers behind one address, and nobody at the controls."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.e2e.stockades import Stockade, until

from stockade.sim import catalogue
from stockade.sim.call import Call
from stockade.sim.drive import Driver
from stockade.sim.folder import KEY, write
from stockade.sim.population import Population
from stockade.sim.upstream import Upstream
from stockade.sim.world import World

PEOPLE = Population(users=210, days=1.0, warm_up=0.6, awkward=(), new_address=0.0, flips=0.0)
ATTACKS = ("credential_stuffing", "object_enumeration", "reconnaissance", "function_probing")
NAT = "198.51.100.7"
"""The address that all share."""


@pytest.fixture
def running(short_path: Path) -> Iterator[tuple[World, Stockade]]:
    """A world, its API, and a Stockade in front of it."""
    plans = [{"class": name, "strength": "loud", "day": 0.7} for name in ATTACKS]
    world = World(catalogue.built_in("shop"), PEOPLE, plans, 4)
    upstream = Upstream(world.ground)
    upstream.start()
    stockade = Stockade(short_path, {})
    config = write(
        short_path, world.ground, upstream.url, f"127.0.0.1:{stockade.port}", f"127.0.0.1:{stockade.admin_port}"
    )
    settings = yaml.safe_load(config.read_text())
    settings["gateway"]["workers"] = 1
    settings.pop("data")
    stockade.config_file = config
    config.write_text(yaml.safe_dump(settings))
    stockade.start()
    yield world, stockade
    stockade.destroy()
    upstream.stop()


def driver(stockade: Stockade) -> Driver:
    return Driver(stockade.url, KEY, time.time, connections=8, shared_address=NAT)


def judged(stockade: Stockade) -> dict[str, Any]:
    return dict(stockade.admin().ask("GET", "/api/v1/model"))


def settled(stockade: Stockade, sent: int) -> None:
    until(lambda: judged(stockade)["counts"]["events"] >= sent, 60, "judgement of every exchange")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_attackers_behind_a_shared_address_are_contained_and_nobody_else_is_refused(
    running: tuple[World, Stockade],
) -> None:
    world, stockade = running
    calls = list(world.calls())
    # What attackers do with their own accounts beside the attack is no innocent call.
    culprits = {call.by for call in calls if call.campaign}
    innocent = [call for call in calls if not call.campaign and call.by not in culprits]
    before = [call for call in innocent if call.time < world.ground.scored_from][:2500]
    after = [call for call in innocent if call.time >= world.ground.scored_from][:700]
    assert len({call.by for call in before}) > 100
    crowd = driver(stockade)
    crowd.run(before, speed=0)
    settled(stockade, len(before))
    assert not crowd.driven.refused
    attacks = [
        call for name in ATTACKS for call in islice((one for one in calls if one.campaign.startswith(name)), 150)
    ]
    # All of them at once, each in its own order, among ordinary traffic.
    mixed = interleaved(attacks, after)
    # An attacker takes a while for 150 calls; what is measured is who is refused, not how fast this machine is.
    crowd.run(paced(mixed, 25_000), speed=1.0)
    driven = crowd.driven
    assert driven.refused[""] == 0, [stockade.event(one).refusals for one in driven.innocent_refused[:3]]
    campaigns = {name: f"{name}-{place}" for place, name in enumerate(ATTACKS)}
    for campaign in campaigns.values():
        sent = sum(count for (name, _), count in driven.answers.items() if name == campaign)
        assert driven.refused[campaign] > 0.6 * sent, (campaign, driven.answers)
    incidents = stockade.admin().ask("GET", "/api/v1/incidents")["incidents"]
    classes = Counter(one for incident in incidents for one in incident["classes"])
    assert {"credential_stuffing", "reconnaissance", "function_probing"} <= set(classes)
    # Before owners are known, walking along ids is scraping.
    assert classes.keys() & {"object_enumeration", "scraping"}
    assert all(incident["reasons"] for incident in incidents)
    decisions = stockade.admin().ask("GET", "/api/v1/decisions")["decisions"]
    assert all(decision["selector"] != {"address": NAT} for decision in decisions)


def interleaved(attacks: list[Call], innocent: list[Call]) -> list[Call]:
    """One call of each in turn."""
    by_campaign: dict[str, list[Call]] = {}
    for call in attacks:
        by_campaign.setdefault(call.campaign, []).append(call)
    queues = [iter(mine) for mine in by_campaign.values()] + [iter(innocent)]
    found = []
    while queues:
        for queue in list(queues):
            following = next(queue, None)
            if following is None:
                queues.remove(queue)
            else:
                found.append(following)
    return found


def paced(calls: list[Call], gap_us: int) -> list[Call]:
    """The same calls at even distances."""
    return [replace(call, time=place * gap_us) for place, call in enumerate(calls)]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_learned_survives_a_kill_and_a_broken_model_is_told(running: tuple[World, Stockade]) -> None:
    world, stockade = running
    calls = list(world.calls())
    innocent = [call for call in calls if not call.campaign][:600]
    scan = [call for call in calls if call.campaign.startswith("reconnaissance")]
    crowd = driver(stockade)
    crowd.run(innocent, speed=0)
    crowd.run(scan[:60], speed=0)
    settled(stockade, len(innocent) + 60 - crowd.driven.refused["reconnaissance-2"])
    until(lambda: stockade.admin().ask("GET", "/api/v1/incidents")["incidents"], 20, "an incident")
    decided = {one["id"] for one in stockade.admin().ask("GET", "/api/v1/decisions")["decisions"]}
    assert decided
    pid = stockade.control_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: stockade.control_pid() not in (None, pid), 30, "another control process")
    until(lambda: _answers(stockade), 30, "its admin API")
    until(lambda: judged(stockade)["counts"]["events"] >= len(innocent), 30, "the same judgement")
    assert decided <= {one["id"] for one in stockade.admin().ask("GET", "/api/v1/decisions")["decisions"]}
    assert [one["classes"] for one in stockade.admin().ask("GET", "/api/v1/incidents")["incidents"]] == [
        ["reconnaissance"]
    ]
    # In order this time: then a snapshot is there, and is damaged.
    stockade.stop()
    model = stockade.data / "behaviour" / "current.gz"
    model.write_bytes(model.read_bytes()[:-100])
    stockade.start()
    told = judged(stockade)
    assert "learned anew" in told["problem"]
    with stockade.client() as client:
        assert client.get("/health").status_code == 200


def _answers(stockade: Stockade) -> bool:
    try:
        return httpx.get(f"{stockade.admin_url}/healthz").status_code == 200
    except httpx.HTTPError:
        return False


def test_an_incident_is_called_normal_by_a_click(running: tuple[World, Stockade]) -> None:
    world, stockade = running
    scan = [call for call in world.calls() if call.campaign.startswith("reconnaissance")]
    crowd = driver(stockade)
    crowd.run(scan[:60], speed=0)
    (incident,) = until(lambda: stockade.admin().ask("GET", "/api/v1/incidents")["incidents"], 30, "an incident")
    until(lambda: stockade.admin().ask("GET", "/api/v1/decisions")["decisions"], 10, "a decision")
    before = crowd.driven.refused["reconnaissance-2"]
    crowd.run(scan[60:65], speed=0)
    assert crowd.driven.refused["reconnaissance-2"] >= before + 5
    asked = {"reason": "our own scanner", "expires_in": "1h"}
    answer = stockade.admin().ask("POST", f"/api/v1/incidents/{incident['id']}/normal", asked)
    assert answer["normal"]
    assert stockade.admin().ask("GET", "/api/v1/decisions")["decisions"] == []
    before = crowd.driven.refused["reconnaissance-2"]
    crowd.run(scan[65:125], speed=0)
    settled(stockade, 100)
    assert crowd.driven.refused["reconnaissance-2"] == before
    assert json.dumps(stockade.admin().ask("GET", "/api/v1/incidents"))
