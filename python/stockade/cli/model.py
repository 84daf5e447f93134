"""`stockade model`: what was learned of everybody, how sure it is, and going back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Show what was learned of behaviour, and go back.", rich_markup_mode=None)
    group.command("show")(show)
    group.command("rollback")(rollback)
    group.command("decide")(decide)
    group.command("forget")(forget)
    group.command("rules")(rules)
    app.add_typer(group, name="model")


def show(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show what was learned, how sure it is, what people corrected, and what can be gone back to."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", "/api/v1/model")
    if json:
        output.print_json(answer)
        return GOOD
    for text in _lines(answer):
        output.line(output.visible(text))
    return GOOD


def rollback(
    to: Annotated[str, typer.Argument(metavar="TIME", help="Moment to go back to, such as `2027-01-31T14:00Z`.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Go back to what was known at a moment; incidents and decisions of now are kept."""
    from stockade.app.admin_client import AdminClient

    try:
        moment = datetime.fromisoformat(to)
    except ValueError as error:
        raise StockadeError("usage", f"expected a time, got `{to}`", "write it like `2027-01-31T14:00Z`") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    answer = AdminClient(data).ask("POST", "/api/v1/model/rollback", {"to": int(moment.timestamp() * 1_000_000)})
    if json:
        output.print_json(answer)
    else:
        output.line(f"went back to {output.clock_time(answer['moment'], date=True)} UTC")
    return GOOD


def decide(
    switch: Annotated[
        str, typer.Argument(metavar="on|off", help="Whether decisions follow from alerts by themselves.")
    ],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Switch automatic decisions on or off; off takes all of them back at once."""
    from stockade.app.admin_client import AdminClient

    if switch not in ("on", "off"):
        raise StockadeError("usage", f"expected `on` or `off`, got `{switch}`", None)
    answer = AdminClient(data).ask("POST", "/api/v1/model/switch", {"decides": switch == "on"})
    if json:
        output.print_json(answer)
    else:
        output.line("decisions follow from alerts" if answer["decides"] else "no decision is taken automatically")
    return GOOD


def forget(
    correction: Annotated[str, typer.Argument(metavar="ID", help="Id of the correction.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Take back that something is normal."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("DELETE", f"/api/v1/normal/{quote(correction, safe='')}")
    if json:
        output.print_json(answer)
    else:
        output.line(f"removed {output.visible(correction)}")
    return GOOD


def rules(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files or folders of detection rules.")],
    json: options.Json = False,
) -> int:
    """Check detection rules and run their examples: one line for each problem; exit 1 when there is one."""
    from stockade.app.behaviour import check_rules

    names, problems = check_rules(paths)
    if json:
        output.print_json({"rules": names, "problems": problems})
        return FOUND if problems else GOOD
    for problem in problems:
        output.line(output.visible(problem))
    output.line(f"{len(names)} rules are good, {len(problems)} problems")
    return FOUND if problems else GOOD


def _lines(model: Mapping[str, Any]) -> Iterator[str]:
    counts = model["counts"]
    yield (
        f"{counts['events']} exchanges judged, {model['actors']} actors remembered, "
        f"{model['decisions']} decisions in force"
    )
    acts = "decisions follow from alerts" if model["decides"] else "alerts only, no decision follows"
    yield f"  acts      {acts}{'; problem: ' + model['problem'] if model['problem'] else ''}"
    private = ", ".join(model["private"]) or "none yet"
    yield f"  learned   {model['operations']} operations, {model['objects']} objects; private: {private}"
    for role in model["roles"]:
        name = role["role"]
        yield f"  role      {name}: {role['actors']} actors, {role['exchanges']} exchanges, sure {role['sure']:.0%}"
    for name in ("doubled", "late", "ahead", "unread", "frozen", "normal"):
        if counts[name]:
            yield f"  {name:<10}{counts[name]}"
    for one in model["normal"]:
        said = ", ".join(f"{name} {one[name]}" for name in ("abuse", "actor", "role", "operation") if one[name])
        ends = output.clock_time(one["expires_at"], date=True)
        yield f"  normal    {one['id']}: {said} until {ends} UTC: {one['reason']}"
    for text in model["news"][-5:]:
        yield f"  news      {text}"
    if model["kept"]:
        first, last = (output.clock_time(model["kept"][place], date=True) for place in (0, -1))
        yield f"  kept      {len(model['kept'])} older models, {first} to {last} UTC"
