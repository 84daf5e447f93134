"""`stockade apis`: the APIs in force."""

from __future__ import annotations

import typer

from stockade.cli import options, output
from stockade.cli.errors import GOOD

COLUMNS = tuple(
    output.Column(title) for title in ("API", "MODE", "HOSTS", "BASE PATH", "UPSTREAM", "OPERATIONS", "IDENTITY")
)
"""Columns of the table."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apis")(apis)


def apis(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show the APIs that the bundle in force protects."""
    from stockade.app.apis import in_force

    found = in_force(data)
    if json:
        output.print_json({"apis": [api.to_json() for api in found]})
        return GOOD
    output.print_table(
        COLUMNS,
        [
            [
                api.name,
                api.mode,
                " ".join(api.hosts),
                api.base_path,
                " ".join(api.upstream),
                str(api.operations),
                " ".join(api.identity) or "none",
            ]
            for api in found
        ],
    )
    return GOOD
