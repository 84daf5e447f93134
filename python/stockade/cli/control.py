"""`stockade control`: the control process alone."""

from __future__ import annotations

from typing import Annotated

import typer

from stockade.cli import options, policy_options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("control")(control)


def control(
    config: options.Config = None,
    upstream: policy_options.Upstream = None,
    spec: policy_options.Spec = None,
    listen: policy_options.Listen = None,
    mode: policy_options.Mode = None,
    admin: policy_options.Admin = None,
    data: policy_options.DataOverride = None,
    seclang: policy_options.SecLang = None,
    seclang_log: policy_options.SecLangLog = None,
    admin_fallback: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> int:
    """The control process alone: bundles, events, admin API."""
    from stockade.app.processes import run_control
    from stockade.console.build import pages

    asked = policy_options.asked(config, upstream, spec, listen, mode, admin, data, seclang, seclang_log)
    return run_control(asked, admin_fallback, pages)
