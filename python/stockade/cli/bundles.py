"""`stockade bundles`: versions of the policy, changes of it with a reason, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

COLUMNS = tuple(output.Column(title) for title in ("VERSION", "TIME (UTC)", "BY", "WHY"))
"""Columns of the table."""

Version = Annotated[int, typer.Argument(help="Version, as `stockade bundles list` shows it.")]
"""Which version."""

Reason = Annotated[str, typer.Option(help="Why, for the people who come later.")]
"""`--reason WHY`."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Versions of the policy.", rich_markup_mode=None)
    group.command("list")(list_versions)
    group.command("diff")(diff)
    group.command("change")(change)
    group.command("except")(add_exception)
    group.command("restore")(restore)
    group.command("export")(export)
    app.add_typer(group, name="bundles")


def list_versions(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show versions, who made them and why, newest first."""
    answer = _ask(data, "GET", "/api/v1/policy")
    if json:
        output.print_json(answer)
        return GOOD
    rows = [
        [str(one["version"]), output.clock_time(one["time"], date=True), one["by"], one["why"]]
        for one in answer["versions"]
    ]
    output.print_table(COLUMNS, rows)
    for problem in answer["problems"]:
        output.line(output.visible(problem))
    return FOUND if answer["problems"] else GOOD


def diff(version: Version, data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """Show what changed between a version and what the config file says now."""
    answer = _ask(data, "GET", f"/api/v1/policy/versions/{version}")
    if json:
        output.print_json(answer)
        return GOOD
    for text in answer["diff"] or ["nothing changed"]:
        output.line(output.visible(text))
    return GOOD


def change(
    file: Annotated[Path, typer.Argument(help="What the config file is to say.", dir_okay=False)],
    reason: Reason,
    preview: Annotated[bool, typer.Option("--preview", help="Only check, and show the difference.")] = False,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Check a text, make it the config file, and put it in force."""
    text = file.read_text(encoding="utf-8")
    if preview:
        answer = _ask(data, "POST", "/api/v1/policy/check", {"text": text})
        if json:
            output.print_json(answer)
        else:
            for line in [*map(_said, answer["problems"]), *answer["diff"]]:
                output.line(output.visible(line))
        return GOOD if answer["ok"] else FOUND
    return _changed(_ask(data, "POST", "/api/v1/policy/changes", {"text": text, "reason": reason}), json)


def add_exception(
    api: Annotated[str, typer.Argument(help="API, by its name in config.")],
    reason: Reason,
    detector: Annotated[str | None, typer.Option(help="Detector; any without.")] = None,
    operation: Annotated[str | None, typer.Option(help="Operation id; any without.")] = None,
    place: Annotated[str | None, typer.Option(help="Place, such as `body.note`; any without.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends, such as `2027-01-01`.")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Let a finding of the stage `inspect` pass from now on, by a line in the config file."""
    asked = {"api": api, "reason": reason, "detector": detector, "operation": operation, "place": place}
    asked["expires"] = expires
    given = {name: value for name, value in asked.items() if value is not None}
    return _changed(_ask(data, "POST", "/api/v1/policy/exceptions", given), json)


def restore(
    version: Version, reason: Reason, data: options.Data = options.DEFAULT_DATA, json: options.Json = False
) -> int:
    """Make the config file say again what it said at a version."""
    return _changed(_ask(data, "POST", f"/api/v1/policy/versions/{version}/restore", {"reason": reason}), json)


def export(
    folder: Annotated[Path, typer.Argument(help="Git repository; made when it is not there.", file_okay=False)],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Write every version that is not there yet as a commit of a git repository, with who and why."""
    from stockade.app.git_export import export as export_to

    versions = _ask(data, "GET", "/api/v1/policy")["versions"]

    def source(version: int) -> str:
        return str(_ask(data, "GET", f"/api/v1/policy/versions/{version}")["text"])

    written = export_to(folder, versions, source)
    if json:
        output.print_json({"written": written})
    else:
        output.line(f"{len(written)} versions written to {folder}")
    return GOOD


def _changed(answer: dict[str, Any], json: bool) -> int:
    if json:
        output.print_json(answer)
    else:
        output.line(f"version {answer['version']} is in force")
    return GOOD


def _said(problem: dict[str, Any]) -> str:
    return " ".join(str(value) for value in problem.values() if value not in (None, ""))


def _ask(data: Path, method: str, path: str, body: Any = None) -> dict[str, Any]:
    from stockade.app.admin_client import AdminClient

    return AdminClient(data).ask(method, path, body)
