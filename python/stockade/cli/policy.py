"""`stockade policy`: who may do what, tried out before anybody does it."""

from __future__ import annotations

from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD
from stockade.cli.policy_options import DEFAULT_CONFIG

if TYPE_CHECKING:
    from stockade.app.policy_cases import Asking, Decided

Subject = Annotated[str | None, typer.Option(help="Who calls; nobody that is known when it is left out.")]
"""`--subject NAME`."""
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role of the caller; may come several times.")]
"""`--role NAME`."""
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="A scope of the caller; may come several times.")]
"""`--scope NAME`."""
Claims = Annotated[list[str] | None, typer.Option("--claim", help="`NAME=VALUE`, the value as JSON or text.")]
"""`--claim NAME=VALUE`."""
Body = Annotated[str | None, typer.Option(help="Body of the request, as JSON.")]
"""`--body JSON`."""
Address = Annotated[str, typer.Option("--from", help="Address of the caller.")]
"""`--from ADDRESS`."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Access policies: run decision cases, explain a decision.", rich_markup_mode=None)
    group.command("test")(run_cases)
    group.command("explain")(explain)
    app.add_typer(group, name="policy")


def run_cases(
    cases: Annotated[Path, typer.Argument(help="YAML file with `cases`, each with a `request` and `expect`.")],
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Run cases that say who may do what; 1 when one is decided otherwise."""
    from stockade.app.policy_cases import run_cases as run

    results = run(cases, config or DEFAULT_CONFIG)
    good = all(not result.wrong for result in results)
    if json:
        output.print_json({"ok": good, "cases": [result.to_json() for result in results]})
        return GOOD if good else FOUND
    for result in results:
        told = f"{result.wrong}; got {_told(result.decided)}" if result.wrong else _told(result.decided)
        output.line(output.visible(f"{'BAD' if result.wrong else 'ok '} {result.name}: {told}"))
    output.line(f"{sum(not result.wrong for result in results)} of {len(results)} cases as expected")
    return GOOD if good else FOUND


def explain(
    method: Annotated[str, typer.Argument(help="Method.")],
    target: Annotated[str, typer.Argument(help="Path and query, or a whole URL.")],
    subject: Subject = None,
    role: Roles = None,
    scope: Scopes = None,
    claim: Claims = None,
    body: Body = None,
    address: Address = "127.0.0.1",
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Say whether a caller may do something, and which rule, policy or owner decides; 1 when not."""
    from stockade.app.policy_cases import Asking, Caller, Judge

    if subject is None and (role or scope or claim):
        raise StockadeError("usage", "expected `--subject` beside `--role`, `--scope` and `--claim`", None)
    caller = None
    if subject is not None:
        caller = Caller(subject, tuple(role or ()), tuple(scope or ()), dict(_claim(one) for one in claim or ()))
    asking = Asking(f"{method.upper()} {target}", caller, body=body, address=address)
    decided = Judge(config or DEFAULT_CONFIG).decide(asking)
    if json:
        output.print_json(decided.to_json())
    else:
        _print(asking, decided)
    return GOOD if decided.permitted else FOUND


def _print(asking: Asking, decided: Decided) -> None:
    who = "nobody that is known" if asking.caller is None else f"`{asking.caller.subject}`"
    output.line(output.visible(f"{asking.request} by {who}: {'allowed' if decided.permitted else 'denied'}"))
    if decided.reason:
        output.line(output.visible(f"  reason   {decided.reason}"))
    if decided.other:
        output.line(output.visible(f"  stage    {decided.other} refused it before access was asked"))
    if decided.detail:
        output.line(output.visible(f"  because  {decided.detail}"))
    if decided.setting:
        output.line(output.visible(f"  set by   {decided.setting}"))


def _told(decided: Decided) -> str:
    said = "allowed" if decided.permitted else f"denied, {decided.reason}"
    by = f" by {decided.setting}" if decided.setting else ""
    return f"{said}{by}"


def _claim(text: str) -> tuple[str, object]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise StockadeError("usage", f"expected `NAME=VALUE`, got `{text}`", "write `--claim tenant=7`")
    try:
        return name, loads(value)
    except ValueError:
        return name, value
