"""`stockade demo`: the whole product in front of a sample API."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

if TYPE_CHECKING:
    from stockade.app.demo import Outcome, Summary
    from stockade.app.processes import Running

WIDTHS = (28, 24, 44, 6, 9)
"""Widths of scenario, call, request, status and outcome."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the summary; exit 0 only if all went well.")] = False,
    listen: Annotated[str, typer.Option(help="Address of the gateway.")] = "127.0.0.1:8080",
    admin: Annotated[str, typer.Option(help="Address of the admin API.")] = "127.0.0.1:9440",
    data: Annotated[Path | None, typer.Option("--data", help="Folder to keep; a temporary one when not named.")] = None,
    json: options.Json = False,
) -> int:
    """Run the whole product in front of a sample API, on real traffic."""
    from stockade.app.demo import Demo

    folder = data or Path(tempfile.mkdtemp(prefix="stockade-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    audience = JsonAudience() if json else TextAudience()
    try:
        good = Demo(folder.absolute(), listen, admin, audience, once=once).run()
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)
    return GOOD if good else FOUND


class JsonAudience:
    """Prints one JSON object for each thing that happens."""

    def up(self, running: Running) -> None:
        """Everything runs."""
        output.print_json({"up": running.to_json()})

    def seen(self, outcome: Outcome) -> None:
        """One call has ended."""
        output.print_json({"call": _as_json(outcome)})

    def over(self, summary: Summary) -> None:
        """All calls have ended."""
        output.print_json({"summary": _summary_json(summary)})

    def what_next(self, running: Running, summary: Summary, token: str) -> None:
        """It stays up."""
        output.print_json({"next": list(next_lines(running, summary, token))})


class TextAudience:
    """Prints a line for each call, coloured on a terminal."""

    def up(self, running: Running) -> None:
        """Everything runs."""
        output.line(f"the shop is up, and Stockade in front of it on {', '.join(running.listening)}")
        for api in running.apis:
            output.line(
                f"{api.name}: mode {api.mode}, {api.operations} operations, identity by {', '.join(api.identity)}"
            )
        output.line()
        output.styled_line(
            output.plain_row(("SCENARIO", "CALL", "REQUEST", "STATUS", "OUTCOME", "WHY"), (*WIDTHS, 0)), "bold"
        )

    def seen(self, outcome: Outcome) -> None:
        """One call has ended."""
        call = outcome.call
        said = ("refused" if outcome.is_attack else "passed") if outcome.is_good else "NOT GOOD"
        cells = (call.scenario, call.name, call.request, str(call.status or "-"), said, outcome.why)
        shown = [
            output.shortened(output.visible(cell), width) for cell, width in zip(cells, (*WIDTHS, 60), strict=True)
        ]
        style = "red bold" if not outcome.is_good else "yellow" if outcome.is_attack else "green"
        output.styled_line(output.plain_row(shown, (*WIDTHS, 0)), style)

    def over(self, summary: Summary) -> None:
        """All calls have ended."""
        output.line()
        for text in summary_lines(summary):
            output.styled_line(text, "bold")

    def what_next(self, running: Running, summary: Summary, token: str) -> None:
        """It stays up."""
        output.line()
        for text in next_lines(running, summary, token):
            output.line(text)


def summary_lines(summary: Summary) -> list[str]:
    """How it went, in three lines."""
    passed, ordinary = summary.count(attacks=False)
    refused, attacks = summary.count(attacks=True)
    return [
        f"ordinary calls passed   {passed}/{ordinary}",
        f"attacks refused         {refused}/{attacks}",
        f"added latency, median   {summary.added_us / 1000:.2f} ms",
    ]


def next_lines(running: Running, summary: Summary, token: str) -> list[str]:
    """Things to try while it stays up."""
    url = f"http://{running.listening[0]}"
    refused = next((outcome.call.id for outcome in reversed(summary.outcomes) if outcome.is_attack), "ID")
    console = [f"  sign in to the console: {running.welcome}"] if running.welcome else []
    return [
        "it stays up; try:",
        *console,
        f"  curl -s '{url}/products?limit=2'",
        f"  curl -si -H 'authorization: Bearer {token}' {url}/orders",
        f"  curl -si -H 'authorization: Bearer {token}' {url}/admin/users",
        f"  curl -si \"{url}/products?q=' OR '1'='1\"".replace(" OR ", "%20OR%20"),
        f"  {output.program()} events --data {running.data} --verdict refused",
        f"  {output.program()} explain {refused} --data {running.data}",
        f"  curl -s http://{running.admin}/readyz",
        "Ctrl-C ends it",
    ]


def _as_json(outcome: Outcome) -> dict[str, Any]:
    call = outcome.call
    return {
        "scenario": call.scenario,
        "name": call.name,
        "kind": call.kind,
        "request": call.request,
        "status": call.status,
        "id": call.id,
        "good": outcome.is_good,
        "why": outcome.why,
        "ms": round(call.ms, 3),
    }


def _summary_json(summary: Summary) -> dict[str, Any]:
    passed, ordinary = summary.count(attacks=False)
    refused, attacks = summary.count(attacks=True)
    return {
        "ordinary": {"passed": passed, "of": ordinary},
        "attacks": {"refused": refused, "of": attacks},
        "added_latency_us": round(summary.added_us, 1),
        "good": summary.is_good,
    }
