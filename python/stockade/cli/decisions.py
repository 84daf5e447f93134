"""`stockade decisions`: what the gateway does to some actors, until a moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import GOOD
from stockade.model.decision import DecisionAction

COLUMNS = tuple(output.Column(title) for title in ("ID", "ACTION", "SELECTOR", "ENDS (UTC)", "REASON"))
"""Columns of the table."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Block or allow some actors, until a moment.", rich_markup_mode=None)
    group.command("list")(list_active)
    group.command("add")(add)
    group.command("remove")(remove)
    app.add_typer(group, name="decisions")


def list_active(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show active decisions, the next to end first."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", "/api/v1/decisions")
    if json:
        output.print_json(answer)
        return GOOD
    rows = [_row(decision) for decision in answer["decisions"]]
    if rows:
        output.print_table(COLUMNS, rows)
    else:
        output.line("no active decisions")
    return GOOD


def add(
    selector: Annotated[
        list[str],
        typer.Argument(
            metavar="ATTRIBUTE=VALUE...",
            help="Whom: address, subject, client, key, session, token, api, header:NAME, ...",
        ),
    ],
    expires_in: Annotated[str, typer.Option("--for", help="How long, such as `10m`.")],
    reason: Annotated[str, typer.Option(help="Why, for the event and for other people.")],
    action: Annotated[DecisionAction, typer.Option(help="What is done to their requests.")] = DecisionAction.BLOCK,
    preview: Annotated[bool, typer.Option("--preview", help="Only count whom it would hit.")] = False,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Count whom a decision would have hit, then take it."""
    from stockade.app.admin_client import AdminClient

    asked = {
        "selector": dict(_attribute(text) for text in selector),
        "action": action.value,
        "reason": reason,
        "expires_in": expires_in,
        "preview": preview,
    }
    answer = AdminClient(data).ask("POST", "/api/v1/decisions", asked)
    if json:
        output.print_json(answer)
        return GOOD
    for text in _taken_lines(answer):
        output.line(text)
    return GOOD


def remove(
    decision_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the decision.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Take a decision back."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("DELETE", f"/api/v1/decisions/{quote(decision_id, safe='')}")
    if json:
        output.print_json(answer)
    else:
        output.line(f"removed {output.visible(decision_id)}")
    return GOOD


def _attribute(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise StockadeError("usage", f"expected ATTRIBUTE=VALUE, got `{text}`", "write it like `subject=alice`")
    return name, value


def _taken_lines(answer: Mapping[str, Any]) -> list[str]:
    reach, decision = answer["reach"], answer["decision"]
    lines = [
        f"fits {reach['exchanges']} of {reach['looked_at']} recent exchanges ({reach['allowed']} of them allowed), "
        f"{reach['actors']} actors: {', '.join(map(output.visible, reach['sample'])) or 'none'}"
    ]
    if reach["unseen"]:
        lines.append(f"not counted by {', '.join(reach['unseen'])}: events do not record it")
    if not answer["taken"]:
        return [*lines, "only counted; leave out `--preview` to take it"]
    ends = output.clock_time(decision["expires_at"], date=True)
    state = "in force" if answer["enforced"] else "kept; the gateway reads it when it starts"
    return [*lines, f"{decision['action']} {decision['id']} until {ends} UTC, {state}"]


def _row(decision: Mapping[str, Any]) -> list[str]:
    selector = " ".join(f"{name}={value}" for name, value in sorted(decision["selector"].items()))
    ends = output.clock_time(decision["expires_at"], date=True)
    return [decision["id"], decision["action"], selector, ends, decision["reason"]]
