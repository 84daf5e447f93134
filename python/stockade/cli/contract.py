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
    group = typer.Typer(help="OpenAPI documents: compare two versions.", rich_markup_mode=None)
    group.callback()(_group)
    group.command("diff")(diff)
    app.add_typer(group, name="contract")


def _group() -> None:
    """OpenAPI documents: compare two versions."""


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
