"""`stockade explain`: every stage: what it saw, what it decided, and which setting or rule made it so."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output, tree
from stockade.cli.errors import FOUND, GOOD
from stockade.model.event import Event

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

    if what != "-" and explained.is_exchange_id(what) and not Path(what).exists():
        raw, event = explained.recorded(data, what)
    else:
        raw, event = explained.judged(_content(what), data, config)
    if json:
        output.print_json(raw)
    else:
        for text in tree.lines_of(event):
            output.line(text)
    return code_of(event)


def code_of(event: Event) -> int:
    """Exit code: whether anything was refused or would have been."""
    return FOUND if event.refusals else GOOD


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
