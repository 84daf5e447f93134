"""`stockade limits`: what callers may use, and what would fit the traffic there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD

if TYPE_CHECKING:
    from stockade.app.limits import Proposal, Proposed

COLUMNS = tuple(output.Column(title) for title in ("API", "LIMIT", "COUNTS", "BY", "TIERS", "SHARED", "API REFUSED"))
"""Columns of the list."""

Since = Annotated[str, typer.Option(help="Oldest traffic looked at: `7d` ago, or a time.")]
"""`--since`."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Limits: those in force, and those that would fit.", rich_markup_mode=None)
    group.command("list")(list_limits)
    group.command("propose")(propose)
    app.add_typer(group, name="limits")


def list_limits(data: options.Data = options.DEFAULT_DATA, since: Since = "1d", json: options.Json = False) -> int:
    """List the limits in force, and how many exchanges the limits of each API refused lately."""
    from stockade.app.clock import wall_clock
    from stockade.app.duration import moment_of
    from stockade.app.limits import in_force

    found = in_force(data, moment_of(since, wall_clock()))
    if json:
        output.print_json({"limits": [limit.to_json() for limit in found]})
        return GOOD
    if not found:
        output.line("no API has a limit; `stockade limits propose` shows what would fit")
        return GOOD
    output.print_table(
        COLUMNS,
        [
            [
                limit.api,
                limit.name,
                limit.count,
                " ".join(limit.by),
                "; ".join(limit.tiers),
                limit.shared,
                str(limit.refused),
            ]
            for limit in found
        ],
    )
    return GOOD


def propose(
    data: options.Data = options.DEFAULT_DATA,
    since: Since = "7d",
    api: Annotated[str | None, typer.Option(help="Only this API.")] = None,
    json: options.Json = False,
) -> int:
    """Propose limits from recorded traffic, as config to paste; 1 when nothing was recorded."""
    from stockade.app.clock import wall_clock
    from stockade.app.duration import moment_of
    from stockade.app.limits import proposed

    found = proposed(data, moment_of(since, wall_clock()), api)
    if json:
        limits = [{**_facts(limit), "limit": limit.setting()} for limit in found.limits]
        output.print_json({"proposed": limits, "busiest": dict(found.busiest)})
        return GOOD if found.limits else FOUND
    if not found.limits:
        output.line(f"nothing was recorded since {since}: let traffic pass, or look further back with `--since`")
        return FOUND
    for text in _config(found):
        output.line(output.visible(text))
    return GOOD


def _config(found: Proposed) -> Iterator[str]:
    yield "# each stands at twice the busiest minute of an ordinary caller"
    yield "apis:"
    for api, busiest in found.busiest.items():
        yield f"  {api}:"
        for caller in busiest:
            yield f"    # {caller['caller']}: {caller['peak']} in one minute, {caller['asked']} in all"
        yield "    limits:"
        for limit in found.limits:
            if limit.api != api:
                continue
            for line in _reasons(limit):
                yield f"      # {line}"
            setting = limit.setting()
            inner = ", ".join(f"{name}: {_flow(value)}" for name, value in setting.items())
            yield f"      - {{{inner}}}"


def _flow(value: object) -> str:
    """A value within `{...}` of YAML: JSON, but for words that need no quotes."""
    from json import dumps

    if isinstance(value, list):
        return f"[{', '.join(_flow(one) for one in value)}]"
    text = str(value)
    plain = text and all(letter.isascii() and (letter.isalnum() or letter in "-_./") for letter in text)
    return text if plain and text[0] not in "-." and not text.isdigit() else dumps(text)


def _reasons(limit: Proposal) -> Iterator[str]:
    what = "failed logins and refused calls" if limit.count == "failures" else "calls"
    yield (
        f"{limit.asked} {what} of {limit.callers} callers; busiest minute of the one in the middle {limit.typical}, "
        f"of the busiest ordinary one {limit.ordinary}, of all {limit.busiest}"
    )
    yield f"would have met {limit.callers_met} callers, {limit.asked_met} calls" + (
        "; so few callers make it a guess" if limit.is_guess else ""
    )


def _facts(limit: Proposal) -> dict[str, object]:
    names = ("api", "callers", "asked", "typical", "ordinary", "busiest", "callers_met", "asked_met", "is_guess")
    return {name: getattr(limit, name) for name in names}
