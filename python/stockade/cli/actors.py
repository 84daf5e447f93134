"""`stockade actors`: who called, what is held against them, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

COLUMNS = tuple(output.Column(title) for title in ("ACTOR", "ROLE", "CLASS", "LOG-ODDS", "LAST (UTC)", "WHY"))
"""Columns of the table."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Show who called, and what is held against them.", rich_markup_mode=None)
    group.command("list")(list_worst)
    group.command("show")(show)
    app.add_typer(group, name="actors")


def list_worst(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 50,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Show actors with something against them, the worst first; exit 1 when there is an alert."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", f"/api/v1/actors?limit={limit}")
    actors = answer["actors"]
    if json:
        output.print_json(answer)
    elif actors:
        output.print_table(COLUMNS, [_row(one) for one in actors])
    else:
        output.line("nothing is held against anybody")
    return FOUND if any(score["alerted"] for one in actors for score in one["scores"]) else GOOD


def show(
    actor: Annotated[str, typer.Argument(metavar="ACTOR", help="As in the list, such as `subject:alice`.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Show all that is known of one actor."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", f"/api/v1/actors/{quote(actor, safe='')}")
    if json:
        output.print_json(answer)
        return GOOD
    for text in _lines(answer):
        output.line(output.visible(text))
    return GOOD


def _row(actor: Mapping[str, Any]) -> list[str]:
    worst = actor["scores"][0]
    reason = worst["reasons"][0]["sentence"] if worst["reasons"] else ""
    return [
        output.shortened(actor["actor"], 60),
        actor["role"],
        worst["class"],
        f"{worst['weight']:.1f}",
        output.clock_time(actor["last"], date=True),
        reason,
    ]


def _lines(actor: Mapping[str, Any]) -> Iterator[str]:
    yield f"{actor['actor']}  role {actor['role']}, {actor['exchanges']} exchanges"
    first, last = (output.clock_time(actor[name], date=True) for name in ("first", "last"))
    yield f"  seen      {first} to {last} UTC"
    for score in actor["scores"]:
        yield f"  {score['class']:<20} log-odds {score['weight']:.1f}{', alert' if score['alerted'] else ''}"
        for reason in score["reasons"]:
            yield f"    {reason['weight']:+.1f}  {reason['sentence']} ({reason['detector']}, sure {reason['sure']:.0%})"
    for link in actor["links"]:
        yield f"  is also   {link['actor']}: {link['reason']}"
    for active in actor["decisions"]:
        decision = active["decision"]
        selector = " ".join(f"{name}={value}" for name, value in sorted(decision["selector"].items()))
        ends = output.clock_time(decision["expires_at"])
        yield f"  decided   {decision['action']} {selector} until {ends}: {active['why']}"
