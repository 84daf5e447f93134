"""`stockade contract`: OpenAPI documents, compared and proposed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

COLUMNS = tuple(output.Column(title) for title in ("", "OPERATION", "PLACE", "CHANGE"))
"""Columns of a comparison."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="OpenAPI documents: propose one from traffic, compare two.", rich_markup_mode=None)
    group.command("learn")(learn)
    group.command("diff")(diff)
    app.add_typer(group, name="contract")


def learn(
    api: Annotated[str | None, typer.Option(help="API, by its name in config; the only one by default.")] = None,
    since: Annotated[str | None, typer.Option(help="Oldest traffic looked at: `7d` ago, or a time.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File for the document; printed by default.")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Propose an OpenAPI document from recorded traffic, for an API that has none; read it before you enforce it."""
    import yaml

    from stockade.app.clock import wall_clock
    from stockade.app.contract import proposed
    from stockade.app.duration import moment_of

    found = proposed(data, api, moment_of(since, wall_clock()) if since else None)
    operations = sum(len(path) for path in found["paths"].values())
    text = yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=110)
    if out is not None:
        out.write_text(text)
    if json:
        output.print_json({"operations": operations, "out": None if out is None else str(out), "document": found})
    elif out is not None:
        output.line(f"wrote {out}: {operations} operations; read it, then name it as `spec` of the API")
    else:
        for row in text.splitlines():
            output.line(output.visible(row))
    return GOOD


def diff(
    old: Annotated[Path, typer.Argument(help="The version that clients know.")],
    new: Annotated[Path, typer.Argument(help="The version that is to come.")],
    breaking: Annotated[bool, typer.Option("--breaking", help="Show only what breaks clients.")] = False,
    json: options.Json = False,
) -> int:
    """Compare two versions of an OpenAPI document; 1 when a change breaks clients that were right before."""
    from stockade.app.contract import compared, to_json

    found = [change for change in compared(old, new) if change.breaks or not breaking]
    breaks = sum(change.breaks for change in found)
    if json:
        output.print_json({"breaks": breaks > 0, "changes": [to_json(change) for change in found]})
        return FOUND if breaks else GOOD
    cells = [
        [
            "breaks" if change.breaks else "",
            output.visible(change.operation),
            output.visible(change.place),
            output.visible(change.what),
        ]
        for change in found
    ]
    if cells:
        output.print_table(COLUMNS, cells)
    output.line(f"{len(found)} changes, {breaks} of them break clients")
    return FOUND if breaks else GOOD
