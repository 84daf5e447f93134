"""`stockade rules except`: the narrowest exceptions for a recorded exchange, and what else they would let through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stockade.app.clock import wall_clock
from stockade.cli import options, output
from stockade.cli.errors import GOOD

if TYPE_CHECKING:
    from stockade.app.exceptions import Replay
    from stockade.model.event import Event

SHOWN = 20
"""Exchanges that would be let through and are shown; all are counted."""
COLUMNS = tuple(output.Column(title) for title in ("TIME", "ID", "ACTOR", "REQUEST"))
"""Columns of exchanges that would be let through."""


def except_from(
    source: Annotated[str, typer.Option("--from", metavar="EVENT", help="Id of the refused exchange.")],
    reason: Annotated[str | None, typer.Option(help="Why, for the people who come later.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days until it ends.")] = 90,
    since: Annotated[str, typer.Option(help="How far back refusals are replayed, such as `7d`.")] = "30d",
    write: Annotated[
        bool, typer.Option("--write", help="Add it to the config file, which is changed nowhere else.")
    ] = False,
    config: options.Config = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Show the narrowest exceptions that let a refused exchange pass, and which other refusals they would undo."""
    from stockade.app import exceptions

    now = wall_clock()
    event, proposed = exceptions.proposed(data, source)
    replay = exceptions.replayed(data, event, proposed, since, now)
    told = reason or f"let pass after {event.id}"
    items = [one.to_item(told, exceptions.end_of(now, days)) for one in proposed]
    file = config or Path("stockade.yaml")
    if write:
        exceptions.write(file, proposed, items)
    if json:
        output.print_json(
            {
                "exceptions": [{"list": one.section, **item} for one, item in zip(proposed, items, strict=True)],
                "replayed": replay.refusals,
                "let_through": [other.id for other in replay.passed],
                "still_refused": replay.still,
                "written": str(file) if write else None,
            }
        )
        return GOOD
    for one, item in zip(proposed, items, strict=True):
        output.line(f"{'added to' if write else 'add to'} `{one.section}`:")
        output.line(output.visible(f"  - {_flow(item)}"))
    _tell(replay)
    return GOOD


def _tell(replay: Replay) -> None:
    passed = len(replay.passed)
    output.line(
        f"of {replay.refusals} other recorded refusals, {passed} would be let through, and {replay.still} would lose a "
        "finding and stay refused"
    )
    if replay.passed:
        output.print_table(COLUMNS, [_row(event) for event in replay.passed[:SHOWN]])
    if passed > SHOWN:
        output.line(f"and {passed - SHOWN} more; `--json` names them all")


def _row(event: Event) -> list[str]:
    request = event.request
    query = f"?{request.query}" if request and request.query else ""
    asked = f"{request.method} {request.path}{query}" if request else "(unreadable)"
    return [output.clock_time(event.time, date=True), event.id, event.actor, output.shortened(asked, 100)]


def _flow(item: dict[str, Any]) -> str:
    import json

    values = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in item.items())
    return "{" + ", ".join(values) + "}"
