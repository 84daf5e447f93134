"""`stockade users`: who may use the admin API and the console."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from stockade.app.accounts.principal import Role
from stockade.cli import options, output
from stockade.cli.errors import GOOD

COLUMNS = tuple(output.Column(title) for title in ("NAME", "ROLE", "STATE", "SECOND FACTOR", "SINCE (UTC)"))
"""Columns of the table."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name that they sign in with.")]
"""Whom a command is about."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="People of the admin API and the console.", rich_markup_mode=None)
    group.command("list")(list_users)
    group.command("invite")(invite)
    group.command("role")(role)
    group.command("disable")(disable)
    group.command("enable")(enable)
    group.command("remove")(remove)
    app.add_typer(group, name="users")


def list_users(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show everybody."""
    answer = _ask(data, "GET", "/api/v1/users")
    if json:
        output.print_json(answer)
    elif answer["users"]:
        output.print_table(COLUMNS, [_row(user) for user in answer["users"]])
    else:
        output.line("nobody yet; `stockade run` prints a link for the first admin")
    return GOOD


def invite(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name; they choose it without one.")] = None,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.VIEWER,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Print a one-time link by which somebody chooses a password; also for a new one of somebody known."""
    answer = _ask(data, "POST", "/api/v1/users", {"name": name, "role": role.value})
    if json:
        output.print_json(answer)
    else:
        output.line(f"{answer['link']}")
        output.line("works once, for a day; hand it over on a way that only they can read")
    return GOOD


def role(
    name: Name,
    role: Annotated[Role, typer.Argument(help="What they may do from now on.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Change what somebody may do, at once."""
    return _changed(data, name, {"role": role.value}, json, f"{output.visible(name)} is {role.value} now")


def disable(name: Name, data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Take everything of somebody out of force at once: sessions and tokens end."""
    return _changed(data, name, {"disabled": True}, json, f"{output.visible(name)} is disabled")


def enable(name: Name, data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Let somebody who was disabled sign in again."""
    return _changed(data, name, {"disabled": False}, json, f"{output.visible(name)} may sign in again")


def remove(name: Name, data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Take somebody out."""
    answer = _ask(data, "DELETE", f"/api/v1/users/{quote(name, safe='')}")
    if json:
        output.print_json(answer)
    else:
        output.line(f"removed {output.visible(name)}")
    return GOOD


def _changed(data: Any, name: str, change: dict[str, Any], json: bool, said: str) -> int:
    answer = _ask(data, "PATCH", f"/api/v1/users/{quote(name, safe='')}", change)
    if json:
        output.print_json(answer)
    else:
        output.line(said)
    return GOOD


def _ask(data: Any, method: str, path: str, body: Any = None) -> dict[str, Any]:
    from stockade.app.admin_client import AdminClient

    return AdminClient(data).ask(method, path, body)


def _row(user: dict[str, Any]) -> list[str]:
    state = "disabled" if user["disabled"] else "active" if user["password"] else "without a password"
    second = "yes" if user["second_factor"] else "no"
    return [user["name"], user["role"], state, second, output.clock_time(user["created_at"], date=True)]
