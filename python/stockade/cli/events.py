"""`stockade events`: what passed and what was refused, newest first or as it happens."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from stockade.app import events as recorded
from stockade.app.clock import wall_clock
from stockade.cli import options, output
from stockade.cli.errors import GOOD
from stockade.model.event import Event

COLUMNS = (
    output.Column("TIME", 12),
    output.Column("ID", 26),
    output.Column("VERDICT", 12),
    output.Column("STATUS", 6),
    output.Column("REQUEST", 38),
    output.Column("ACTOR", 24),
    output.Column("REASON"),
)
"""Columns of the table; widths are fixed so that `--follow` lines up."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("events")(events)


def events(
    data: options.Data = options.DEFAULT_DATA,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Print events as they happen.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Events at most.")] = 50,
    since: Annotated[str | None, typer.Option(help="Oldest: `10m` ago, or `2026-11-24T15:00:00Z`.")] = None,
    until: Annotated[str | None, typer.Option(help="Newest, written like `--since`.")] = None,
    verdict: Annotated[str | None, typer.Option(help="allowed, refused, would_refuse or failed.")] = None,
    status: Annotated[int | None, typer.Option(help="Status that the caller got.")] = None,
    api: Annotated[str | None, typer.Option(help="API, by its name in config.")] = None,
    operation: Annotated[str | None, typer.Option(help="Operation id.")] = None,
    actor: Annotated[str | None, typer.Option(help="Actor, such as `subject:alice` or `alice`.")] = None,
    path: Annotated[str | None, typer.Option(help="Beginning of the path.")] = None,
    reason: Annotated[str | None, typer.Option(help="Reason code, or a stage for all of its reasons.")] = None,
    method: Annotated[str | None, typer.Option(help="Method.")] = None,
    address: Annotated[str | None, typer.Option(help="Address of the caller.")] = None,
    detector: Annotated[str | None, typer.Option(help="Detector or rule that found something.")] = None,
    object_id: Annotated[str | None, typer.Option("--object", help="Id of an object, in path or query.")] = None,
    text: Annotated[str | None, typer.Option(help="Text anywhere in the evidence.")] = None,
    json: options.Json = False,
) -> int:
    """Show recorded events, newest first."""
    wanted = recorded.filter_of(
        wall_clock(),
        since=since,
        until=until,
        verdict=verdict,
        status=status,
        api=api,
        operation=operation,
        actor=actor,
        path=path,
        reason=reason,
        method=method,
        address=address,
        detector=detector,
        object=object_id,
        text=text,
    )
    if follow:
        return _follow(data, wanted, json)
    newest = recorded.newest(data, wanted, limit)
    if json:
        for stored in newest:
            output.print_json(stored.raw)
        return GOOD
    found = list(newest)
    if found:
        output.print_table(COLUMNS, map(row_of, found), [style_of(stored) for stored in found])
    else:
        output.line("no events")
    return GOOD


def row_of(stored: recorded.Stored) -> list[str]:
    """One record as the cells of a row."""
    record = stored.record
    if not isinstance(record, Event):
        return [output.clock_time(record.time), "-", "notice", "-", record.code, record.gateway, record.detail]
    request = record.request
    asked = f"{request.method} {request.path}" if request else "(unreadable)"
    reason = record.refusals[-1].reason if record.refusals else ""
    status = str(record.response.status) if record.response else "-"
    return [output.clock_time(record.time), record.id, record.verdict, status, asked, record.actor, reason]


def style_of(stored: recorded.Stored) -> str:
    """Colour of a row."""
    record = stored.record
    return output.VERDICT_STYLES.get(record.verdict, "") if isinstance(record, Event) else "cyan"


def _follow(data: options.Data, wanted: recorded.EventFilter, as_json: bool) -> int:
    widths = [column.width or 0 for column in COLUMNS]
    if not as_json:
        output.line(output.plain_row([column.title for column in COLUMNS], widths))
    for stored in recorded.follow(data, wanted, wall_clock, time.sleep):
        if as_json:
            output.print_json(stored.raw)
        else:
            output.line(output.plain_row([output.visible(cell) for cell in row_of(stored)], widths))
    return GOOD
