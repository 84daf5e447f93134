"""`stockade explain`: every stage: what it saw, what it decided, and which setting or rule made it so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output, tree
from stockade.cli.errors import FOUND, GOOD

REQUEST_BYTES = 64 * 1024 * 1024
"""Largest request that is read."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)


def explain(
    what: Annotated[
        str, typer.Argument(metavar="ID|FILE|-", help="Id of an exchange, or a request: raw HTTP/1.1, or JSON.")
    ],
    data: options.Data = options.DEFAULT_DATA,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Explain a recorded exchange, or how a request would be judged."""
    from stockade.app import explain as explained

    is_recorded = what != "-" and explained.is_exchange_id(what) and not Path(what).exists()
    if is_recorded:
        raw, event = explained.recorded(data, what)
    else:
        content = _content(what)
        if b"\n" in content and b"\r\n" not in content and not content.lstrip().startswith(b"{"):
            sys.stderr.write("hint: its lines end with LF; HTTP/1.1 ends them with CR LF (`unix2dos FILE`)\n")
        raw, event = explained.judged(content, data, config)
    if json:
        output.print_json(raw)
    else:
        for text in tree.lines_of(event):
            output.line(text)
    # A recorded refusal was asked for; one of a request that is judged here is what was found out.
    return FOUND if event.refusals and not is_recorded else GOOD


def _content(what: str) -> bytes:
    if what == "-":
        content = sys.stdin.buffer.read(REQUEST_BYTES + 1)
    else:
        try:
            with Path(what).open("rb") as file:
                content = file.read(REQUEST_BYTES + 1)
        except OSError as error:
            raise StockadeError(
                "usage",
                f"expected the id of an exchange or a readable file, got `{what}`",
                "ids have 26 characters and stand in `x-stockade-id`; `stockade events` lists them",
            ) from error
    if len(content) > REQUEST_BYTES:
        raise StockadeError("usage", f"expected a request of at most {REQUEST_BYTES} bytes", None)
    return content
