"""`stockade incidents`: campaigns of abuse, what was done about them, and corrections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

COLUMNS = tuple(
    output.Column(title) for title in ("ID", "SEVERITY", "CLASS", "ACTORS", "LAST (UTC)", "DECISIONS", "WHY")
)
"""Columns of the table."""

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the incident.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Show campaigns of abuse, and say what is none.", rich_markup_mode=None)
    group.command("list")(list_newest)
    group.command("show")(show)
    group.command("normal")(normal)
    app.add_typer(group, name="incidents")


def list_newest(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Show incidents, the newest first; exit 1 when there are some that nobody called normal."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", f"/api/v1/incidents?limit={limit}")
    incidents = answer["incidents"]
    if json:
        output.print_json(answer)
    elif incidents:
        output.print_table(COLUMNS, [_row(one) for one in incidents])
    else:
        output.line("no incidents")
    return FOUND if any(not one["note"] for one in incidents) else GOOD


def show(incident: Id, data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show one incident: who, what, why, and what was done."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", f"/api/v1/incidents/{quote(incident, safe='')}")
    if json:
        output.print_json(answer)
        return GOOD
    for text in _lines(answer):
        output.line(output.visible(text))
    return GOOD


def normal(
    incident: Id,
    reason: Annotated[str, typer.Option(help="Why, for other people.")],
    expires_in: Annotated[str, typer.Option("--for", help="How long it holds, such as `30d`.")] = "30d",
    scope: Annotated[
        str, typer.Option(help="For whom: its `actor`s, its `operation`s, or the actors' `role`s.")
    ] = "actor",
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Say that an incident is normal: its decisions are taken back, and the like is no abuse for a while."""
    from stockade.app.admin_client import AdminClient

    asked = {"reason": reason, "expires_in": expires_in, "scope": scope}
    answer = AdminClient(data).ask("POST", f"/api/v1/incidents/{quote(incident, safe='')}/normal", asked)
    if json:
        output.print_json(answer)
    for one in () if json else answer["normal"]:
        said = ", ".join(f"{name} {one[name]}" for name in ("abuse", "actor", "role", "operation") if one[name])
        ends = output.clock_time(one["expires_at"], date=True)
        output.line(output.visible(f"{one['id']}: {said} is normal until {ends} UTC"))
    return GOOD


def _row(incident: Mapping[str, Any]) -> list[str]:
    return [
        incident["id"],
        incident["note"] or incident["severity"],
        ", ".join(incident["classes"]),
        str(incident["actor_count"]),
        output.clock_time(incident["last"], date=True),
        str(len(incident["decisions"])),
        incident["reasons"][0]["sentence"] if incident["reasons"] else "",
    ]


def _lines(incident: Mapping[str, Any]) -> Iterator[str]:
    yield f"{incident['id']}  {incident['note'] or incident['severity']}: {', '.join(incident['classes'])}"
    first, last = (output.clock_time(incident[name], date=True) for name in ("first", "last"))
    yield f"  when      {first} to {last} UTC, {incident['alerts']} alerts"
    yield f"  reached   {incident['outcome']} at {', '.join(incident['operations'])}"
    for actor in incident["actors"][:10]:
        yield f"  actor     {actor}"
    if incident["actor_count"] > 10:
        yield f"            and {incident['actor_count'] - 10} more"
    for reason in incident["reasons"]:
        how = f"{reason['detector']}, {reason['weight']:+.1f}, sure {reason['sure']:.0%}"
        yield f"  why       {reason['sentence']} ({how})"
    for example in incident["examples"][:3]:
        yield f"  example   {example}"
    for active in incident["active"]:
        decision = active["decision"]
        selector = " ".join(f"{name}={value}" for name, value in sorted(decision["selector"].items()))
        ends = output.clock_time(decision["expires_at"], date=True)
        yield f"  decided   {decision['action']} {selector} until {ends} UTC: {active['why']}"
        yield f"            refused {active['refused']}; to undo: {output.program()} decisions remove {decision['id']}"
    yield f"  if it is none: {output.program()} incidents normal {incident['id']} --reason WHY"
