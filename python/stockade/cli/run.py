"""`stockade run`: gateway and control in front of an API, watched and restarted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from stockade.cli import options, output, policy_options

if TYPE_CHECKING:
    from stockade.app.processes import Running


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    config: options.Config = None,
    upstream: policy_options.Upstream = None,
    spec: policy_options.Spec = None,
    listen: policy_options.Listen = None,
    mode: policy_options.Mode = None,
    admin: policy_options.Admin = None,
    data: policy_options.DataOverride = None,
    seclang: policy_options.SecLang = None,
    seclang_log: policy_options.SecLangLog = None,
    json: options.Json = False,
) -> int:
    """Put Stockade in front of an API and keep it running."""
    from stockade.app.processes import run_both

    asked = policy_options.asked(config, upstream, spec, listen, mode, admin, data, seclang, seclang_log)

    def say(text: str) -> None:
        if json:
            output.print_json({"news": text})
        else:
            output.line(text)

    def ready(running: Running, _supervisor: object) -> None:
        if json:
            output.print_json(running.to_json())
            return
        for text in ready_lines(running):
            output.line(text)

    return run_both(asked, ready, say)


def ready_lines(running: Running) -> Iterator[str]:
    """What a person wants to know once it runs."""
    for warning in running.warnings:
        yield str(warning)
    yield f"listening on {', '.join(running.listening)}"
    for api in running.apis:
        contract = f"{api.operations} operations" if api.operations else "no contract"
        identity = ", ".join(api.identity) or "no identity"
        yield f"  {api.name}: {api.mode}, {contract}, {identity}, to {', '.join(api.upstream)}"
    yield f"admin on http://{running.admin}, data in {running.data}"
    if running.welcome:
        yield f"sign in to the console: {running.welcome} (works once, for a day)"
    yield f"try: {output.program()} events --follow --data {running.data}"
