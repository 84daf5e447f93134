"""`stockade apis`: the APIs in force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import GOOD

if TYPE_CHECKING:
    from stockade.app.inventory import Endpoint

COLUMNS = tuple(
    output.Column(title) for title in ("API", "MODE", "HOSTS", "BASE PATH", "UPSTREAM", "OPERATIONS", "IDENTITY")
)
"""Columns of the table."""

ENDPOINT_COLUMNS = (
    output.Column("RISK"),
    output.Column("API", below=True),
    output.Column("METHOD"),
    output.Column("EXCHANGES"),
    output.Column("PATH"),
    output.Column("LAST SEEN (UTC)", below=True),
    output.Column("FINDINGS", below=True),
    output.Column("DATA", below=True),
    output.Column("PARTS OF THE RISK", below=True),
)
"""Columns of the table of endpoints."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apis")(apis)


def apis(
    data: options.Data = options.DEFAULT_DATA,
    endpoints: Annotated[bool, typer.Option("--endpoints", help="Show every endpoint, declared or seen.")] = False,
    endpoint: Annotated[
        str | None, typer.Option(help="Show one endpoint whole: an operation id, a path, or `METHOD PATH`.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Oldest traffic looked at: `7d` ago, or a time.")] = None,
    json: options.Json = False,
) -> int:
    """Show the APIs that the bundle in force protects; with `--endpoints`, what they declare and what is called."""
    from stockade.app.apis import in_force

    if endpoint is not None:
        return _endpoint(data, endpoint, since, json)
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
    output.print_table(
        ENDPOINT_COLUMNS,
        [
            [
                str(endpoint.grade),
                endpoint.api,
                endpoint.method,
                str(endpoint.exchanges),
                endpoint.path,
                "never" if endpoint.last_seen is None else output.clock_time(endpoint.last_seen, date=True)[:19],
                " ".join(endpoint.findings) or "-",
                " ".join(sorted({at.data.data_class for at in endpoint.data})) or "-",
                " ".join(f"{part}+{points}" for part, points in endpoint.risk.items()) or "-",
            ]
            for endpoint in found
        ],
    )
    return GOOD


def _endpoint(data: options.Data, wanted: str, since: str | None, as_json: bool) -> int:
    from stockade.app.clock import wall_clock
    from stockade.app.duration import moment_of
    from stockade.app.inventory import inventory, to_json

    found = inventory(data, moment_of(since, wall_clock()) if since else None, None)
    fitting = [one for one in found if wanted in (one.operation, one.path, f"{one.method} {one.path}")]
    if not fitting:
        raise StockadeError(
            "apis.endpoint",
            f"expected an operation id, a path or `METHOD PATH`, found no endpoint `{wanted[:80]}`",
            "`stockade apis --endpoints` lists them",
        )
    if as_json:
        output.print_json({"endpoints": [to_json(endpoint) for endpoint in fitting]})
        return GOOD
    for place, endpoint in enumerate(fitting):
        if place:
            output.line()
        for line in _told(endpoint):
            output.line(output.visible(line))
    return GOOD


def _told(endpoint: Endpoint) -> Iterator[str]:
    yield f"{endpoint.method} {endpoint.path}  ({endpoint.api}, {endpoint.operation or 'not declared'})"
    yield f"  owner      {endpoint.owner or 'nobody named'}"
    parts = " ".join(f"{part}+{points}" for part, points in endpoint.risk.items())
    yield f"  risk       {endpoint.grade}" + (f" = {parts}" if parts else "")
    yield f"  exchanges  {endpoint.exchanges}" + (f" by {endpoint.actors} actors" if endpoint.actors else "")
    if endpoint.first_seen is not None and endpoint.last_seen is not None:
        first, last = (output.clock_time(at, date=True)[:19] for at in (endpoint.first_seen, endpoint.last_seen))
        yield f"  seen       {first} to {last} (UTC)"
    if endpoint.identity:
        yield "  proved by  " + ", ".join(f"{method} ({count})" for method, count in endpoint.identity.items())
    if endpoint.callers:
        yield "  callers    " + ", ".join(f"{actor} ({count})" for actor, count in endpoint.callers)
    for change in endpoint.drift:
        where = change.side if change.status is None else f"{change.side} {change.status}"
        yield f"  drift      {where} {change.field} {change.change}: {change.detail}"
    if endpoint.seen is None:
        return
    told = {(at.side, at.field, at.data.data_class): at.data for at in endpoint.data}

    def data(side: str, name: str) -> str:
        found = [one for (place, at, _), one in told.items() if (place, at) == (side, name)]
        return "".join(f"  {one.data_class} {one.confidence:.0%} by {one.by}" for one in found)

    for one in endpoint.seen.parameters:
        kind = one.format or one.type
        yield f"  {one.place:9}  {one.name}: {kind}{'' if one.required else ', optional'}{data(one.place, one.name)}"
    for body in endpoint.seen.bodies:
        yield f"  {body.side if body.status is None else f'{body.side} {body.status}'}  {body.media_type or '-'}"
        for field in body.fields:
            kind = field.format or " or ".join(field.types)
            yield f"    {field.field}: {kind}{'' if field.required else ', optional'}{data(body.side, field.field)}"
