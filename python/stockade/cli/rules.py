"""`stockade rules`: SecLang rules, listed, tested, measured, explained and excepted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from stockade.cli import options, output
from stockade.cli.errors import FOUND, GOOD
from stockade.cli.rules_except import except_from

COLUMNS = tuple(output.Column(title) for title in ("ID", "PHASE", "SEVERITY", "MESSAGE", "PLACE"))
"""Columns of the list."""
TIMES = tuple(output.Column(title) for title in ("ID", "MICROSECONDS", "MESSAGE", "PLACE"))
"""Columns of the measurement."""
SHOWN = 20
"""Rules that are shown by their cost."""

Files = Annotated[list[Path] | None, typer.Argument(help="Rule files; those of the config when none is named.")]
"""SecLang files."""
Rules = Annotated[list[Path] | None, typer.Option("--rules", help="Rule files, instead of those named elsewhere.")]
"""`--rules FILE`."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="SecLang rules: list, test, time, explain and except them.", rich_markup_mode=None)
    group.command("list")(list_rules)
    group.command("test")(run_cases)
    group.command("time")(time)
    group.command("explain")(explain)
    group.command("except")(except_from)
    app.add_typer(group, name="rules")


def list_rules(files: Files = None, config: options.Config = None, json: options.Json = False) -> int:
    """List the rules in the order in which they run; one that cannot be run is told with its file and line."""
    from stockade.app import rules

    compilation = rules.compiled(files or [], config)
    found = rules.summaries(compilation)
    warnings = [str(warning) for warning in compilation.warnings]
    if json:
        output.print_json({"rules": [rule.to_json() for rule in found], "warnings": warnings})
        return GOOD
    for warning in warnings:
        output.line(output.visible(warning))
    cells = [
        [str(rule.id), str(rule.phase), rule.severity, output.shortened(rule.message, 80), rule.place] for rule in found
    ]
    output.print_table(COLUMNS, cells)
    return GOOD


def run_cases(
    cases: Annotated[Path, typer.Argument(help="YAML file with `cases`, each with `must_fire` or `must_not_fire`.")],
    rules: Rules = None,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Run cases that say which rules must and must not fire; 1 when one is not as expected."""
    from stockade.app.rules import tested

    results = tested(cases, rules or [], config)
    good = all(result.good for result in results)
    if json:
        output.print_json({"ok": good, "cases": [result.to_json() for result in results]})
        return GOOD if good else FOUND
    for result in results:
        parts = []
        if result.missing:
            parts.append(f"must fire and did not: {_ids(result.missing)}")
        if result.unwanted:
            parts.append(f"must not fire and did: {_ids(result.unwanted)}")
        told = "; ".join(parts) or f"fired: {_ids(result.fired) or 'nothing'}"
        output.line(output.visible(f"{'ok ' if result.good else 'BAD'} {result.name}: {told}"))
    output.line(f"{sum(result.good for result in results)} of {len(results)} cases as expected")
    return GOOD if good else FOUND


def time(
    files: Files = None,
    request: Annotated[Path | None, typer.Option(help="Raw HTTP/1 request; a plain GET when none is named.")] = None,
    rounds: Annotated[int, typer.Option(min=1, max=100_000, help="How often it is run.")] = 200,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Measure what a request costs, and the rules that cost most of it."""
    from stockade.app import rules

    message = rules.DEFAULT_MESSAGE if request is None else request.read_bytes()
    timing = rules.timed(rules.compiled(files or [], config), message, rounds)
    if json:
        each = [{**rule.to_json(), "us": round(spent, 3)} for rule, spent in timing.rules]
        output.print_json({"total_us": round(timing.total_us, 3), "rules": each})
        return GOOD
    output.line(f"{timing.total_us:.1f} microseconds a request, measuring included")
    dearest = timing.rules[:SHOWN]
    output.print_table(TIMES, [[str(rule.id), f"{spent:.2f}", rule.message, rule.place] for rule, spent in dearest])
    return GOOD


def explain(
    rule_id: Annotated[int, typer.Argument(help="Id of the rule.")],
    files: Files = None,
    config: options.Config = None,
    json: options.Json = False,
) -> int:
    """Show what a rule looks at, what it does to that, when it matches and what follows, with defaults filled in."""
    from stockade.app import rules

    summary, plan = rules.explained(rules.compiled(files or [], config), rule_id)
    if json:
        output.print_json({**summary.to_json(), "plan": plan})
        return GOOD
    output.line(f"rule {summary.id}, phase {summary.phase}, at {summary.place}")
    for text in _told(summary.message, summary.severity, plan):
        output.line(output.visible(text))
    return GOOD


def _told(message: str, severity: str, plan: Mapping[str, Any]) -> Iterator[str]:
    from stockade.app.rules import text

    if message:
        yield f"  says: {message}{f' ({severity})' if severity else ''}"
    for number, link in enumerate(plan["links"]):
        first = "if" if number == 0 else "and if"
        operator = link.get("operator")
        if operator is None:
            yield "  always"
        else:
            yield f"  {first} one of {_targets(link.get('targets', []))}"
            if link.get("transformations"):
                yield f"     after {', '.join(link['transformations'])}"
            argument = text(operator.get("argument", [])) or ", ".join(operator.get("items", []))
            sense = "does not fit" if operator.get("negated") else "fits"
            yield f"     {sense} @{operator['name']} {output.shortened(argument, 300)}".rstrip()
        for effect in link.get("effects", []):
            yield f"     then {_effect(effect)}"
    disruptive = plan["disruptive"]
    status = f" with status {disruptive['status']}" if "status" in disruptive else ""
    yield f"  and the request: {disruptive['kind']}{status}{'' if plan['log'] else ', without a word'}"


def _targets(targets: list[Mapping[str, Any]]) -> str:
    def one(target: Mapping[str, Any]) -> str:
        sign = "!" if target.get("exclude") else "&" if target.get("count") else ""
        pattern = target.get("pattern")
        key = target.get("key") or (f"/{pattern}/" if pattern else "")
        return f"{sign}{target['collection']}{f':{key}' if key else ''}"

    return ", ".join(one(target) for target in targets)


def _effect(effect: Mapping[str, Any]) -> str:
    from stockade.app.rules import text

    if effect["kind"] == "set":
        change = "=" if effect["change"] == "=" else f"{effect['change']}="
        return f"{effect['collection']}.{text(effect['key'])} {change} {text(effect['value'])}"
    rest = {name: value for name, value in effect.items() if name != "kind"}
    return f"{effect['kind'].replace('_', ' ')} {rest}" if rest else str(effect["kind"])


def _ids(ids: tuple[int, ...]) -> str:
    return ", ".join(str(one) for one in ids)
