"""Makes simulated worlds from what a user gives, and writes the events that a gateway would write in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stockade.app import scoring
from stockade.core.errors import StockadeError
from stockade.sim import campaigns, catalogue, population, upstream
from stockade.sim.call import Call, record
from stockade.sim.drive import Driver
from stockade.sim.folder import KEY
from stockade.sim.folder import write as write_folder
from stockade.sim.problem import SimProblemError
from stockade.sim.world import World


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which world is wanted; what is not given comes with Stockade."""

    catalogue: str = "shop"
    """A built-in catalogue, where no files are given."""
    spec: Path | None = None
    """OpenAPI document of another catalogue."""
    owners: Path | None = None
    """Who owns what in it."""
    population: Path | None = None
    """Who uses it."""
    campaigns: Path | None = None
    """Campaigns; one of each class when absent."""
    strength: str = "medium"
    """How strong these are."""
    users: int | None = None
    """People, in place of the population's number."""
    days: float | None = None
    """Length, in place of the population's."""
    calm: bool = False
    """Without any campaign."""


def world(wanted: Wanted, seed: int) -> World:
    """Make one world.

    Raises:
        StockadeError: a file cannot be used.
    """
    try:
        if (wanted.spec is None) != (wanted.owners is None):
            raise SimProblemError("expected both `--spec` and `--owners`, or neither")
        if wanted.spec and wanted.owners:
            api = catalogue.load(wanted.spec, wanted.owners)
        else:
            api = catalogue.built_in(wanted.catalogue)
        told = catalogue.read(wanted.population) if wanted.population else {}
        told |= {key: value for key, value in (("users", wanted.users), ("days", wanted.days)) if value is not None}
        settings = population.from_mapping(told, str(wanted.population or "options"))
        if wanted.calm:
            plans: list[dict[str, Any]] = []
        elif wanted.campaigns:
            plans = campaigns.load(wanted.campaigns)
        else:
            plans = campaigns.every_class(wanted.strength)
        return World(api, settings, plans, seed)
    except SimProblemError as error:
        raise StockadeError(
            "sim.invalid", str(error), "see docs/guides/behaviour.md for the form of these files"
        ) from error


def scores(wanted: Wanted, seeds: Sequence[int], guard: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Score a guard in one world for each seed.

    Args:
        wanted: which worlds; where several catalogues are named, separated by commas, the seeds take turns.
        seeds: of the worlds.
        guard: one of `scoring.GUARDS`.
        say: takes one line for each world.

    Raises:
        StockadeError: a file cannot be used, or the guard is not known.
    """
    if guard not in scoring.GUARDS:
        names = ", ".join(f"`{name}`" for name in scoring.GUARDS)
        raise StockadeError("sim.guard", f"expected one of {names}, got `{guard}`", None)
    catalogues = wanted.catalogue.split(",")
    found = []
    for place, seed in enumerate(seeds):
        made = world(replace(wanted, catalogue=catalogues[place % len(catalogues)]), seed)
        found.append(scoring.score(made, scoring.GUARDS[guard](made)))
        stopped = sum(one.contained_s is not None for one in found[-1].campaigns.values())
        planned, wrong = len(found[-1].campaigns), len(found[-1].refused)
        say(f"seed {seed}: {stopped} of {planned} campaigns contained, {wrong} people refused wrongly")
    return scoring.summary(found)


def told(made: World) -> Iterator[tuple[Call, dict[str, Any]]]:
    """All calls of a world with the record that a gateway would write of each."""
    chance = made.ground.chance("records")
    for call in made.calls():
        yield call, record(call, made.ground.catalogue.api, chance)


def write(made: World, events: Path, truth: Path | None) -> dict[str, int]:
    """Write the events of a world as JSON lines, and apart from them what is true of each.

    Args:
        made: the world.
        events: file of the records.
        truth: file of `id`, `campaign`, `class`, `harm`, `by` and `account` of the calls of campaigns.

    Returns:
        How many events, and how many of them belong to campaigns.
    """
    classes = {campaign.id: campaign.abuse for campaign in made.campaigns}
    counts = {"events": 0, "abuse": 0}
    lines = []
    with events.open("w", encoding="utf-8") as out:
        for call, entry in told(made):
            out.write(json.dumps(entry, separators=(",", ":")) + "\n")
            counts["events"] += 1
            if call.campaign:
                counts["abuse"] += 1
                true = {"id": entry["id"], "campaign": call.campaign, "class": classes[call.campaign]}
                lines.append(json.dumps(true | {"harm": call.harm, "by": call.by, "account": call.account}) + "\n")
    if truth:
        truth.write_text("".join(lines), encoding="utf-8")
    return counts


def serve(made: World, folder: Path, listen: str, gateway: str, admin: str, say: Callable[[str], None]) -> None:
    """Be the API of a world until interrupted, and write a folder from which a gateway in front of it is run.

    Raises:
        StockadeError: the address cannot be bound.
    """
    address, _, port = listen.rpartition(":")
    try:
        server = upstream.Upstream(made.ground, address, int(port))
    except (OSError, ValueError) as error:
        raise StockadeError("sim.listen", f"cannot listen on `{listen}`: {error}", "choose a free one") from error
    config = write_folder(folder, made.ground, server.url, gateway, admin)
    say(f"serving on {server.url}; now run: stockade run --config {config}")
    try:
        server.serve()
    except KeyboardInterrupt:
        server.stop()


def drive(made: World, gateway: str, speed: float, shared_address: str) -> dict[str, Any]:
    """Play a world against a real gateway.

    Args:
        made: the world; the API behind the gateway must be of the same.
        gateway: its URL.
        speed: against the world's own pace; 0 is as fast as it goes.
        shared_address: address that all come from; each its own when empty.

    Returns:
        Numbers of calls, refusals and harm by campaign.
    """
    driver = Driver(gateway, KEY, time.time, shared_address=shared_address)
    driven = driver.run(made.calls(), speed)
    names = sorted({name for name, _ in driven.answers if name})
    calls = {name: sum(count for (one, _), count in driven.answers.items() if one == name) for name in names}
    return {
        "calls": driven.answers.total(),
        "innocent_refused": driven.refused[""],
        "examples": driven.innocent_refused,
        "campaigns": {
            name: {"calls": calls[name], "refused": driven.refused[name], "leaked": driven.leaked[name]}
            for name in names
        },
    }
