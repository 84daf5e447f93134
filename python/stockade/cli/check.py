"""`stockade check`: whether a config can be taken, and how to mend it when not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output, policy_options

if TYPE_CHECKING:
    from stockade.app.checked import Checked
    from stockade.app.policy import Asked

Schema = Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of the config file, for editors.")]
"""`--schema`."""


Tls = Annotated[bool, typer.Option("--tls", help="Report how well traffic is encrypted instead; exit 1 when weak.")]
"""`--tls`."""

Connect = Annotated[bool, typer.Option("--connect", help="With `--tls`: connect to upstreams and listeners too.")]
"""`--connect`."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(
    config: options.Config = None,
    upstream: policy_options.Upstream = None,
    spec: policy_options.Spec = None,
    listen: policy_options.Listen = None,
    mode: policy_options.Mode = None,
    seclang: policy_options.SecLang = None,
    json: options.Json = False,
    schema: Schema = False,
    tls: Tls = False,
    connect: Connect = False,
) -> int:
    """Check a config without starting anything: one line for each problem: where, and how to mend it."""
    if schema:
        from stockade.config.reference import json_schema

        output.line(json_schema())
        return 0
    asked = policy_options.asked(config, upstream, spec, listen, mode, None, None, seclang)
    if tls:
        return _posture(asked, connect=connect, as_json=json)
    if connect:
        raise StockadeError("usage", "expected `--tls` beside `--connect`", "write `stockade check --tls --connect`")
    from stockade.app.check import check as run_check

    checked = run_check(asked)
    if json:
        output.print_json(checked.to_json())
    else:
        for text in lines(checked):
            output.line(output.visible(text))
    return 2 if checked.problems else 0


def _posture(asked: Asked, *, connect: bool, as_json: bool) -> int:
    from stockade.app.posture import examine, exit_code

    found = examine(asked, connect=connect)
    if as_json:
        output.print_json({"findings": [finding.to_json() for finding in found]})
        return exit_code(found)
    for finding in found:
        output.line(output.visible(f"{finding.weight.value} {finding.code}: {finding.problem}"))
    looked = "settings, files, upstreams and listeners" if connect else "settings and files"
    output.line(f"{len(found)} found in {looked}" if found else f"nothing weak in {looked}")
    return exit_code(found)


def lines(checked: Checked) -> Iterator[str]:
    """What a person wants to know."""
    for problem in (*checked.problems, *checked.warnings):
        yield str(problem)
    if checked.problems:
        count = len(checked.problems)
        yield f"{count} problem{'s' if count > 1 else ''} found; nothing would be started or changed"
        return
    for api in checked.apis:
        summary = api.summary
        yield f"{summary.name}: {summary.mode}, hosts {', '.join(summary.hosts)}, base path {summary.base_path}"
        for sentence in api.enforced:
            yield f"  {sentence}"
        yield f"  upstream: {', '.join(summary.upstream)}"
    yield "the config is good"
