"""`stockade gateway`: the gateway process alone, from the bundle in force."""

from __future__ import annotations

import typer

from stockade.cli import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gateway")(gateway)


def gateway(data: options.Data = options.DEFAULT_DATA) -> int:
    """The gateway alone, from the last good bundle."""
    from stockade.app.processes import run_gateway

    return run_gateway(data)
