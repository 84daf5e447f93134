"""`stockade apis`: the APIs in force."""

from __future__ import annotations

from typing import Annotated

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


def apis(
    data: options.Data = options.DEFAULT_DATA,
    endpoints: Annotated[bool, typer.Option("--endpoints", help="Show every endpoint, declared or seen.")] = False,
    since: Annotated[str | None, typer.Option(help="Oldest traffic looked at: `7d` ago, or a time.")] = None,
    json: options.Json = False,
) -> int:
    """Show the APIs that the bundle in force protects; with `--endpoints`, what they declare and what is called."""
    from stockade.app.apis import in_force

    if endpoints:
        return _endpoints(data, since, json)
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


def _endpoints(data: options.Data, since: str | None, as_json: bool) -> int:
    from stockade.app.clock import wall_clock
    from stockade.app.duration import moment_of
    from stockade.app.inventory import inventory, to_json

    found = inventory(data, moment_of(since, wall_clock()) if since else None, None)
    if as_json:
        output.print_json({"endpoints": [to_json(endpoint) for endpoint in found]})
        return GOOD
    titles = ("RISK", "API", "METHOD", "PATH", "EXCHANGES", "LAST SEEN (UTC)", "FINDINGS", "PARTS OF THE RISK")
    output.print_table(
        tuple(output.Column(title) for title in titles),
        [
            [
                str(endpoint.grade),
                endpoint.api,
                endpoint.method,
                endpoint.path,
                str(endpoint.exchanges),
                "never" if endpoint.last_seen is None else output.clock_time(endpoint.last_seen, date=True)[:19],
                " ".join(endpoint.findings) or "-",
                " ".join(f"{part}+{points}" for part, points in endpoint.risk.items()) or "-",
            ]
            for endpoint in found
        ],
    )
    return GOOD
