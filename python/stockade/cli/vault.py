"""`stockade vault`: secrets that config refers to, encrypted in the data folder."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import GOOD

COLUMNS = tuple(output.Column(title) for title in ("NAME", "CHANGED (UTC)", "KEY"))
"""Columns of the table."""

MOST_BYTES = 64 * 1024
"""Longest value."""

Name = Annotated[str, typer.Argument(help="Name of the entry.")]
"""The entry that is meant."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Keep secrets encrypted, for `{vault: name}` in the config.", rich_markup_mode=None)
    group.command("set")(set_entry)
    group.command("get")(get)
    group.command("list")(list_entries)
    group.command("remove")(remove)
    group.command("rotate")(rotate)
    group.command("reveal")(reveal)
    app.add_typer(group, name="vault")


def set_entry(
    name: Name,
    file: Annotated[Path | None, typer.Option(help="Take the value from a file.")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Set a secret, read from the terminal without showing it, from standard input, or from a file."""
    from stockade.app.vault import VaultDesk

    VaultDesk(data).set(name, _value(file))
    _say(json, {"set": name}, f"set `{name}`; refer to it as {{vault: {name}}}")
    return GOOD


def get(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    show: Annotated[bool, typer.Option("--show", help="Print the value; without it nothing is read.")] = False,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Print a secret; who did so and why goes to the audit log."""
    from stockade.app.vault import VaultDesk

    if not show or not reason.strip():
        raise StockadeError(
            "usage",
            "expected `--show` and `--reason TEXT`, since this prints a secret",
            f'write `stockade vault get {name} --show --reason "why"`',
        )
    value = VaultDesk(data).get(name, reason)
    _say(json, {"name": name, "value": value}, value)
    return GOOD


def list_entries(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """List the entries, without values; no key is needed."""
    from stockade.app.vault import VaultDesk

    entries = VaultDesk(data).entries()
    if json:
        shown = [{"name": entry.name, "changed_at": entry.changed_at, "key": entry.key_id} for entry in entries]
        output.print_json({"entries": shown})
    elif entries:
        rows = [[entry.name, output.clock_time(entry.changed_at, date=True), entry.key_id] for entry in entries]
        output.print_table(COLUMNS, rows)
    else:
        output.line("the vault is empty")
    return GOOD


def remove(name: Name, data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Take a secret out."""
    from stockade.app.vault import VaultDesk

    VaultDesk(data).remove(name)
    _say(json, {"removed": name}, f"removed `{name}`")
    return GOOD


def rotate(
    events: Annotated[bool, typer.Option("--events", help="Instead make a new key for encrypted events.")] = False,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Seal every secret anew under a new key."""
    from stockade.app.vault import VaultDesk

    if events:
        VaultDesk(data).rotate_events()
        _say(json, {"rotated": "events"}, "made a new key; restart the gateway for new events to be sealed under it")
        return GOOD
    count = VaultDesk(data).rotate()
    _say(json, {"rotated": count}, f"sealed {count} entries under a new key")
    return GOOD


def reveal(
    token: Annotated[str, typer.Argument(help="Token from an event or a response.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit log.")] = "",
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Print the value behind a token; who did so and why goes to the audit log."""
    from stockade.app.tokens import reveal as reveal_token

    if not reason.strip():
        raise StockadeError("usage", "expected `--reason TEXT`, since this prints what was protected", None)
    value = reveal_token(data, token, reason)
    _say(json, {"token": token, "value": value}, output.visible(value))
    return GOOD


def _value(file: Path | None) -> str:
    if file is not None:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 2)
    elif sys.stdin.isatty():
        return getpass.getpass("value: ")
    else:
        data = sys.stdin.buffer.read(MOST_BYTES + 2)
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise StockadeError("usage", "expected a value in UTF-8 text", "keep binary secrets in base64") from error


def _say(as_json: bool, value: dict[str, str | int], text: str) -> None:
    if as_json:
        output.print_json(value)
    else:
        output.line(text)
