"""`stockade tokens`: tokens of the admin API for programs."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from stockade.app.accounts.principal import SCOPES
from stockade.cli import options, output
from stockade.cli.errors import GOOD

COLUMNS = tuple(output.Column(title) for title in ("ID", "WHOSE", "FOR", "SCOPES", "ENDS (UTC)", "LAST USED (UTC)"))
"""Columns of the table."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Tokens of the admin API.", rich_markup_mode=None)
    group.command("list")(list_tokens)
    group.command("make")(make)
    group.command("revoke")(revoke)
    app.add_typer(group, name="tokens")


def list_tokens(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show all tokens; none of them can be shown again."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("GET", "/api/v1/tokens")
    if json:
        output.print_json(answer)
    elif answer["tokens"]:
        output.print_table(COLUMNS, [_row(token) for token in answer["tokens"]])
    else:
        output.line("no tokens")
    return GOOD


def make(
    label: Annotated[str, typer.Argument(help="What it is for.")],
    name: Annotated[str, typer.Option("--user", help="Whose it is; it may never do more than they may.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do: {', '.join(SCOPES)}; may be repeated.")],
    expires_in: Annotated[str | None, typer.Option("--for", help="How long, such as `90d`.")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Make a token and print it, this once."""
    from stockade.app.admin_client import AdminClient

    asked = {"label": label, "name": name, "scopes": scope, "expires_in": expires_in}
    answer = AdminClient(data).ask("POST", "/api/v1/tokens", asked)
    if json:
        output.print_json(answer)
    else:
        output.line(answer["token"])
        output.line("kept as its hash alone: it cannot be shown again")
    return GOOD


def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Take a token out of force at once."""
    from stockade.app.admin_client import AdminClient

    answer = AdminClient(data).ask("DELETE", f"/api/v1/tokens/{quote(token_id, safe='')}")
    if json:
        output.print_json(answer)
    else:
        output.line(f"revoked {output.visible(token_id)}")
    return GOOD


def _row(token: dict[str, Any]) -> list[str]:
    ends = output.clock_time(token["expires_at"], date=True) if token["expires_at"] else "never"
    used = output.clock_time(token["used_at"], date=True) if token["used_at"] else "never"
    return [token["id"], token["name"], token["label"], " ".join(token["scopes"]), ends, used]
