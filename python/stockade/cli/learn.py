"""`stockade learn`: endpoints, actors, attacks and a proposed config from access logs, without being in the path."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

if TYPE_CHECKING:
    from stockade.app.learn import Learned

OPERATIONS_SHOWN = 40
"""Operations of the table; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("learn")(learn)


def learn(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE...]", help="Access logs, HAR, Postman collections.")
    ] = None,
    listen: Annotated[
        str | None, typer.Option(help="Learn from copies of requests sent to this `ADDRESS:PORT` instead.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="How long to listen, such as `10m`; until Ctrl-C without it.")
    ] = None,
    upstream: Annotated[str, typer.Option(help="URL of the API, for the proposed config.")] = "http://127.0.0.1:9000",
    config: Annotated[Path | None, typer.Option("--write-config", help="File for the proposed config.")] = None,
    json: options.Json = False,
) -> int:
    """Learn what an API is, and what already happens to it, from logs or mirrored requests: nothing is sent anywhere.

    Reads nginx, Apache, Envoy, HAProxy, Caddy, AWS ALB and API Gateway access logs, JSON lines, HAR, and Postman
    collections; gzip too. Ends with 1 when there are attacks in them.
    """
    from stockade.app import learn as learning
    from stockade.app.clock import wall_clock

    if (listen is None) == (not files):
        raise StockadeError("usage", "expected files or `--listen ADDRESS:PORT`", "see `stockade learn --help`")
    if listen is not None:
        found = _listen(listen, duration, hidden=json)
    else:
        with _progress(hidden=json) as progress:
            found = learning.learn(files or (), progress, wall_clock())
    proposed = learning.proposed_config(found, upstream)
    if config is not None:
        config.write_text(proposed)
    if json:
        output.print_json({**found.to_json(), "config": proposed})
    else:
        _print(found, proposed, config)
    return FOUND if found.attacks else GOOD


def _listen(address: str, duration: str | None, *, hidden: bool) -> Learned:
    from stockade.app import learn_mirror
    from stockade.app.clock import wall_clock
    from stockade.app.duration import seconds_of

    seconds = seconds_of(duration) if duration else None
    watched = sys.stderr.isatty() and not hidden
    if watched:
        sys.stderr.write(f"send copies of requests to http://{address}; Ctrl-C ends\n")
    told = 0

    def progress(requests: int) -> None:
        nonlocal told
        if watched and requests != told:
            told = requests
            sys.stderr.write(f"\r{requests:,} requests")
            sys.stderr.flush()

    found = learn_mirror.listen(address, seconds, progress, wall_clock)
    if watched:
        sys.stderr.write("\n")
    return found


def _print(found: Learned, proposed: str, config: Path | None) -> None:
    span = ""
    if found.first is not None and found.last is not None:
        begin, end = (output.clock_time(moment * 1_000_000, date=True)[:19] for moment in (found.first, found.last))
        span = f", from {begin} to {end} UTC"
    output.line(f"{found.lines:,} lines read{span}; {found.unread:,} could not be read")
    for file, number, text in found.unreadable:
        output.line(f"  {file}:{number}: {output.visible(text)}")
    output.line()
    output.line(f"{len(found.operations)} operations; {found.unmatched:,} requests for what the API has not")
    busiest = sorted(found.operations, key=lambda operation: -operation.template.count)
    output.print_table(
        (output.Column("METHOD"), output.Column("PATH"), output.Column("REQUESTS"), output.Column("QUERY")),
        [
            [
                operation.template.method,
                operation.template.path,
                f"{operation.template.count:,}",
                " ".join(operation.query[:8]),
            ]
            for operation in busiest[:OPERATIONS_SHOWN]
        ],
    )
    if len(busiest) > OPERATIONS_SHOWN:
        output.line(f"... and {len(busiest) - OPERATIONS_SHOWN} more; `--json` has all")
    for operation in found.operations:
        if operation.sensitive:
            named = ", ".join(f"{name} ({kind})" for name, kind in operation.sensitive)
            output.line(
                f"personal or secret data in URLs: {operation.template.method} {operation.template.path}: {named}"
            )
        for side, fields in (("requests", operation.request_fields), ("responses", operation.response_fields)):
            data = [(field.field, one) for field in fields for one in field.data if one.by == "value"]
            if data:
                named = ", ".join(f"{name} ({one.data_class})" for name, one in data)
                place = f"{operation.template.method} {operation.template.path}"
                output.line(f"personal or secret data in {side}: {place}: {output.visible(named)}")
    output.line()
    output.line(f"{found.actors_count:,} actors; 99 of 100 never passed {found.per_minute} requests a minute")
    output.print_table(
        (output.Column("BUSIEST"), output.Column("REQUESTS"), output.Column("UNSUCCESSFUL")),
        [[actor, f"{count:,}", f"{failed:,}"] for actor, count, failed in found.actors[:5]],
    )
    output.line()
    if found.attacks:
        output.line("attacks already in there")
        for attack in found.attacks:
            actors = ", ".join(f"{actor} ({count})" for actor, count in attack.actors)
            output.line(f"  {attack.detector}: {attack.count} requests by {output.visible(actors)}")
            for sample in attack.samples:
                output.line(f"    {output.shortened(output.visible(sample), 110)}")
    else:
        output.line("no attacks found in there")
    output.line()
    if config is not None:
        output.line(f"wrote {config}; try it: {output.program()} run -c {config}")
    else:
        output.line("a config to begin with (`--write-config FILE` writes it):")
        output.line(proposed)


@contextlib.contextmanager
def _progress(*, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    if hidden or not sys.stderr.isatty():
        yield lambda _done, _all: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("reading"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, steps: bar.update(task, completed=done, total=steps)
