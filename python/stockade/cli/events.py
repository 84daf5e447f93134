"""`stockade events`: what passed and what was refused, newest first or as it happens."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from stockade.app import events as recorded
from stockade.app.clock import wall_clock
from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import GOOD
from stockade.model.event import Event

COLUMNS = (
    output.Column("TIME", 12),
    output.Column("ID", 26, below=True),
    output.Column("VERDICT", 12),
    output.Column("STATUS", 6),
    output.Column("REQUEST", 38),
    output.Column("ACTOR", 24, below=True),
    output.Column("REASON", below=True),
)
"""Columns of the table; widths are fixed so that `--follow` lines up."""


def register(app: typer.Typer) -> None:
    """Add the commands; without a further word, `events` lists."""
    group = typer.Typer(help="Show recorded events, newest first.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(events)
    group.command("pivot")(pivot)
    group.command("query")(query)
    app.add_typer(group, name="events")


def events(
    context: typer.Context,
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
    if context.invoked_subcommand is not None:
        return GOOD
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
    narrow = output.is_terminal() and output.is_narrow(COLUMNS, widths)
    if not as_json:
        titles = [column.title for column in COLUMNS]
        output.line(output.narrow_row(COLUMNS, titles, widths)[0] if narrow else output.plain_row(titles, widths))
    for stored in recorded.follow(data, wanted, wall_clock, time.sleep):
        if as_json:
            output.print_json(stored.raw)
            continue
        cells = [output.visible(cell) for cell in row_of(stored)]
        for text in output.narrow_row(COLUMNS, cells, widths) if narrow else [output.plain_row(cells, widths)]:
            output.line(text)
    return GOOD


def pivot(
    value: Annotated[str, typer.Argument(help="Any value: actor, address, object, path, key, reason, id.")],
    since: Annotated[str | None, typer.Option(help="Oldest: `10m` ago, or `2026-11-24T15:00:00Z`.")] = None,
    until: Annotated[str | None, typer.Option(help="Newest, written like `--since`.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Values of each kind at most.")] = 10,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Show all that a value touches: actors, addresses, operations, paths and so on."""
    from stockade.app import asking
    from stockade.app.duration import moment_of

    now = wall_clock()
    found = asking.pivot(
        asking.database(data),
        value,
        moment_of(since, now) if since else None,
        moment_of(until, now) if until else None,
        limit,
    )
    if json:
        output.print_json(found.to_json())
        return GOOD
    if found.first_seen is None or found.last_seen is None:
        output.line("never seen")
        return GOOD
    shown = output.visible(value)
    output.line(
        f"{shown}: {found.exchanges} exchanges, {found.refused} refused, from"
        f" {output.clock_time(found.first_seen, date=True)} to {output.clock_time(found.last_seen, date=True)}"
    )
    output.line("seen as " + ", ".join(f"{role} ({count})" for role, count in found.roles.items()))
    for side, rows in found.sides.items():
        columns = (output.Column(side.upper(), 40), output.Column("EXCHANGES", 10), output.Column("REFUSED"))
        output.line()
        output.print_table(
            columns,
            [[output.shortened(str(row["value"]), 40), str(row["exchanges"]), str(row["refused"])] for row in rows],
        )
    return GOOD


def query(
    name: Annotated[str | None, typer.Argument(help="Name of the query; all are listed without one.")] = None,
    given: Annotated[list[str] | None, typer.Argument(metavar="PARAMETER=VALUE...")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Ask one of the named queries, such as `top_actors since=1h limit=5`."""
    from stockade.app import asking
    from stockade.app.duration import moment_of

    if name is None:
        known = asking.catalogue()
        if json:
            output.print_json({"queries": known})
            return GOOD
        rows = [[one["name"], one["title"], " ".join(each["name"] for each in one["parameters"])] for one in known]
        output.print_table((output.Column("NAME"), output.Column("ANSWERS"), output.Column("PARAMETERS")), rows)
        return GOOD
    values: dict[str, object] = {}
    for pair in given or ():
        key, equals, text = pair.partition("=")
        if not equals:
            raise StockadeError("usage", f"expected `PARAMETER=VALUE`, got `{pair[:40]}`", "such as `since=1h`")
        is_moment = key in ("since", "until") and not text.isdecimal()
        values[key] = moment_of(text, wall_clock()) if is_moment else text
    answer = asking.database(data).ask(name, values)
    if json:
        output.print_json({"columns": list(answer.columns), "rows": [list(row) for row in answer.rows]})
        return GOOD
    output.print_table(
        tuple(output.Column(column.upper()) for column in answer.columns),
        [["-" if value is None else str(value) for value in row] for row in answer.rows],
    )
    return GOOD
