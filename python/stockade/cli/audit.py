"""`stockade audit`: who did what, and whether the log of it is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

COLUMNS = tuple(output.Column(title) for title in ("NO", "TIME (UTC)", "WHO", "DID", "TO", "WHY"))
"""Columns of the table."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Who did what.", rich_markup_mode=None)
    group.command("list")(list_records)
    group.command("verify")(verify)
    group.command("checkpoint")(checkpoint)
    app.add_typer(group, name="audit")


def list_records(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Lines at most.")] = 50,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Show the newest lines, newest first; works while control is down."""
    from stockade.app.audit import Audit
    from stockade.app.clock import wall_clock
    from stockade.app.folders import data_folder

    found = [record.to_json() for record in Audit(data_folder(data), wall_clock).newest(limit)]
    if json:
        output.print_json({"records": found})
    elif found:
        output.print_table(COLUMNS, [_row(record) for record in found])
    else:
        output.line("nothing was done yet")
    return GOOD


def verify(
    log: Annotated[Path | None, typer.Option(help="The log, when it is not the data folder's.")] = None,
    checkpoints: Annotated[Path | None, typer.Option(help="Checkpoints that were kept elsewhere.")] = None,
    key: Annotated[Path | None, typer.Option(help="Public key `audit.pub`, kept elsewhere.")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Find out whether a line was changed, taken out, cut off or written anew; needs no secret."""
    from stockade.app import audit

    problems = list(audit.verify(data, log, checkpoints, key))
    if json:
        output.print_json({"whole": not problems, "problems": problems})
    else:
        for problem in problems or ["the log is whole"]:
            output.line(output.visible(problem))
    return FOUND if problems else GOOD


def checkpoint(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Sign how far the log goes now, to keep that elsewhere."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("POST", "/api/v1/audit/checkpoints")
    output.print_json(answer if json else answer["checkpoint"])
    return GOOD


def _row(record: dict[str, Any]) -> list[str]:
    time = output.clock_time(record["time"], date=True)
    return [str(record["seq"]), time, record["by"], record["action"], record["subject"], record["reason"]]
