"""`stockade sim`: an API with ordinary people and campaigns of abuse, to measure detection in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from stockade.cli import options, output
from stockade.cli.errors import GOOD

Catalogue = Annotated[str, typer.Option(help="`shop`, `bank` or `data`, where no files are given.")]
Spec = Annotated[Path | None, typer.Option(help="OpenAPI document of an API of your own.")]
Owners = Annotated[Path | None, typer.Option(help="Who owns what in it.")]
People = Annotated[Path | None, typer.Option("--population", help="Who uses it.")]
Campaigns = Annotated[Path | None, typer.Option(help="Campaigns of abuse; one of each class when absent.")]
Strength = Annotated[str, typer.Option(help="How strong these are: loud, medium or quiet.")]
Users = Annotated[int | None, typer.Option(help="People, in place of the population's number.")]
Days = Annotated[float | None, typer.Option(help="Length in days, in place of the population's.")]
Calm = Annotated[bool, typer.Option("--calm", help="No campaign at all.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Simulate an API with its people and abuse of it.", rich_markup_mode=None)
    group.command("events")(events)
    group.command("score")(score)
    group.command("serve")(serve)
    group.command("drive")(drive)
    app.add_typer(group, name="sim")


def events(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="File for the events: JSON lines, as in the spool.")],
    truth: Annotated[Path | None, typer.Option(help="File for what is true of those that are abuse.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    catalogue: Catalogue = "shop",
    spec: Spec = None,
    owners: Owners = None,
    population: People = None,
    campaigns: Campaigns = None,
    strength: Strength = "medium",
    users: Users = None,
    days: Days = None,
    calm: Calm = False,
    json: options.Json = False,
) -> int:
    """Write the events of one simulated world, as a gateway would."""
    from stockade.app import sim

    wanted = sim.Wanted(catalogue, spec, owners, population, campaigns, strength, users, days, calm)
    counts = sim.write(sim.world(wanted, seed), out, truth)
    if json:
        output.print_json(counts)
    else:
        output.line(f"{counts['events']} events, {counts['abuse']} of them abuse, in {output.visible(str(out))}")
    return GOOD


def score(
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Worlds, one for each seed.")] = 3,
    first: Annotated[int, typer.Option(help="The first seed.")] = 1,
    guard: Annotated[str, typer.Option(help="stockade, or a baseline: address, session, forest, none.")] = "stockade",
    catalogue: Annotated[
        str, typer.Option(help="Built-in ones, separated by commas; seeds take turns.")
    ] = "shop,bank,data",
    spec: Spec = None,
    owners: Owners = None,
    population: People = None,
    campaigns: Campaigns = None,
    strength: Strength = "medium",
    users: Users = None,
    days: Days = None,
    calm: Calm = False,
    json: options.Json = False,
) -> int:
    """Score detection and containment in simulated worlds, against what is true there."""
    from stockade.app import sim

    wanted = sim.Wanted(catalogue, spec, owners, population, campaigns, strength, users, days, calm)
    say = (lambda _: None) if json else output.line
    found = sim.scores(wanted, range(first, first + seeds), guard, say)
    if json:
        output.print_json(found)
        return GOOD
    output.line(
        f"{found['users_refused']} of {found['user_days']} user-days refused, {found['users_challenged']} challenged, "
        f"{found['users_slowed']} slowed; {found['false_incidents_a_day']:.2f} false incidents a day; "
        f"one incident for {found['one_incident_share']:.0%} of campaigns, {found['named_share']:.0%} named rightly"
    )
    rows = [_row(name, figures) for name, figures in found["classes"].items()]
    output.print_table(COLUMNS, rows)
    return GOOD


def serve(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Gets contract, keys and config for a gateway.")],
    listen: Annotated[str, typer.Option(help="Where the simulated API listens.")] = "127.0.0.1:9000",
    gateway: Annotated[str, typer.Option(help="Where the gateway is to listen.")] = "127.0.0.1:8080",
    admin: Annotated[str, typer.Option(help="Where the admin API is to listen.")] = "127.0.0.1:9440",
    seed: Annotated[int, typer.Option(help="Seed of the world.")] = 1,
    catalogue: Catalogue = "shop",
    spec: Spec = None,
    owners: Owners = None,
    population: People = None,
    users: Users = None,
) -> int:
    """Be the API of a simulated world, for `stockade run --config FOLDER/stockade.yaml` in front of it."""
    from stockade.app import sim

    wanted = sim.Wanted(catalogue, spec, owners, population, None, "medium", users, None, True)
    sim.serve(sim.world(wanted, seed), folder, listen, gateway, admin, output.line)
    return GOOD


def drive(
    gateway: Annotated[str, typer.Argument(metavar="URL", help="The gateway, in front of `stockade sim serve`.")],
    speed: Annotated[float, typer.Option(min=0.0, help="Against the world's own pace; 0 is as fast as it goes.")] = 0.0,
    shared_address: Annotated[str, typer.Option(help="Address that all come from; each its own when empty.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the world; the one that serves must have the same.")] = 1,
    catalogue: Catalogue = "shop",
    spec: Spec = None,
    owners: Owners = None,
    population: People = None,
    campaigns: Campaigns = None,
    strength: Strength = "medium",
    users: Users = None,
    days: Days = None,
    calm: Calm = False,
    json: options.Json = False,
) -> int:
    """Play a simulated world against a real gateway over HTTP, and tell what was let through."""
    from stockade.app import sim

    wanted = sim.Wanted(catalogue, spec, owners, population, campaigns, strength, users, days, calm)
    found = sim.drive(sim.world(wanted, seed), gateway, speed, shared_address)
    if json:
        output.print_json(found)
        return GOOD
    output.line(f"{found['calls']} calls; {found['innocent_refused']} innocent ones refused by a decision")
    for name, one in found["campaigns"].items():
        output.line(f"  {name:<26}{one['calls']} calls, {one['refused']} refused, {one['leaked']} did harm")
    return GOOD


COLUMNS = tuple(
    output.Column(title)
    for title in ("CLASS", "FOUND", "CONTAINED", "FOUND AFTER", "LEAKED", "95 %", "WORST", "ONE INCIDENT", "NAMED")
)
"""Columns of the scores; shares are medians over seeds, with the interval of 95 of 100 resamplings."""


def _row(name: str, figures: Mapping[str, Any]) -> list[str]:
    leaked, found_s = figures["leaked_share"], figures["found_s"]
    return [
        name,
        f"{figures['found']}/{figures['campaigns']}",
        f"{figures['contained']}/{figures['campaigns']}",
        f"{found_s[0]:.0f} s" if found_s else "-",
        f"{leaked[0]:.1%}",
        f"{leaked[1]:.1%} to {leaked[2]:.1%}",
        f"{leaked[3]:.1%}",
        f"{figures['one_incident']}/{figures['found']}",
        f"{figures['named']}/{figures['found']}",
    ]
