"""Reads files of detection rules: Stockade's own form, or Sigma, told apart by what is in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from stockade.detect.behaviour.signals import ALERT, Abuse
from stockade.detect.rules.condition import NUMBERS, TEXTS, Lists, RuleProblemError, compile_condition
from stockade.detect.rules.rule import MOST, Rule, failures_of

KEYS = frozenset(["id", "title", "class", "weight", "when", "sequence", "by", "count", "except", "examples"])
"""Keys of a rule."""

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read(paths: Iterable[Path]) -> tuple[list[Rule], list[str]]:
    """Read files and folders of rules.

    Returns:
        The rules that are good, and one line for each problem: where, what was expected and what came.
    """
    rules: list[Rule] = []
    problems: list[str] = []
    for file in _files(paths):
        try:
            text = file.read_text(encoding="utf-8")
            documents = [one for one in yaml.safe_load_all(text) if one is not None]
        except (OSError, ValueError, yaml.YAMLError) as error:
            problems.append(f"{file}: cannot be read: {' '.join(str(error).split())[:300]}")
            continue
        if any(isinstance(one, dict) and "detection" in one for one in documents):
            _sigma(file, text, rules, problems)
        else:
            _own(file, text, documents, rules, problems)
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.id in seen:
            problems.append(
                f"{rule.where}: rule `{rule.id}` stands in {seen[rule.id]} too; expected ids that come once"
            )
        seen.setdefault(rule.id, rule.where)
    return rules, problems


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(one for one in path.rglob("*") if one.suffix in (".yaml", ".yml"))
        else:
            yield path


def _sigma(file: Path, text: str, rules: list[Rule], problems: list[str]) -> None:
    # A package of its own, which only who has Sigma rules needs.
    try:
        from stockade.detect.rules.sigma import rules_of
    except ImportError:
        problems.append(f"{file}: Sigma rules need the extra package `stockade[sigma]`")
        return
    found, wrong = rules_of(text, str(file))
    rules.extend(found)
    problems.extend(wrong)


def _own(file: Path, text: str, documents: list[Any], rules: list[Rule], problems: list[str]) -> None:
    lines = _lines_of(text)
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
            problems.append(f"{file}:1: expected `rules` to be a list, or a Sigma rule with `detection`")
            continue
        try:
            lists = _lists(document.get("lists") or {})
        except RuleProblemError as error:
            problems.append(f"{file}:1: {error}")
            continue
        for place, told in enumerate(document["rules"]):
            where = f"{file}:{lines[place] if place < len(lines) else 1}"
            try:
                rule = rule_of(told, lists, where)
            except RuleProblemError as error:
                name = told.get("id") if isinstance(told, dict) else place
                problems.append(f"{where}: rule `{name}`: {error}")
                continue
            rules.append(rule)
            problems.extend(failures_of(rule))


def rule_of(told: Any, lists: Lists, where: str) -> Rule:
    """Read one rule.

    Raises:
        RuleProblemError: what was expected and what came.
    """
    if not isinstance(told, dict):
        raise RuleProblemError(f"expected a mapping, got `{told}`")
    unknown = set(told) - KEYS
    if unknown:
        raise RuleProblemError(f"`{min(map(str, unknown))}` is not known; expected {', '.join(sorted(KEYS))}")
    name, title = told.get("id"), told.get("title")
    if not isinstance(name, str) or not name or not isinstance(title, str) or not title:
        raise RuleProblemError("expected `id` and `title` to be text")
    if told.get("class") not in tuple(Abuse):
        raise RuleProblemError(f"expected `class` to be one of {', '.join(Abuse)}, got `{told.get('class')}`")
    steps = told.get("sequence") if "sequence" in told else [told.get("when")]
    if not isinstance(steps, list) or not steps or ("when" in told) == ("sequence" in told):
        raise RuleProblemError("expected either `when`, or `sequence` with a list of conditions")
    tests = [compile_condition(step, lists) for step in steps]
    if "except" in told:
        spared = compile_condition(told["except"], lists)
        tests = [_but(test, spared) for test in tests]
    count = told.get("count") or {}
    if not isinstance(count, dict) or set(count) - {"at_least", "within", "distinct"}:
        raise RuleProblemError("expected `count` to have `at_least`, `within` and perhaps `distinct`")
    by, distinct = told.get("by", "actor"), count.get("distinct", "")
    for key, value in (("by", by), ("distinct", distinct)):
        if value and value not in TEXTS | NUMBERS:
            raise RuleProblemError(f"expected `{key}` to name a field of events, got `{value}`")
    at_least = count.get("at_least", 1)
    if not isinstance(at_least, int) or not 1 <= at_least <= MOST:
        raise RuleProblemError(f"expected `at_least` of 1 to {MOST}, got `{at_least}`")
    needs_window = at_least > 1 or len(tests) > 1
    if needs_window and "within" not in count:
        raise RuleProblemError("expected `count.within`, such as `10m`: what is counted must end some time")
    weight = told.get("weight", ALERT)
    if not isinstance(weight, int | float) or not 0 < weight <= 20:
        raise RuleProblemError(f"expected `weight` above 0 and up to 20, got `{weight}`")
    examples = told.get("examples") or {}
    fires, silent = examples.get("fires") or [], examples.get("silent") or []
    if not fires or not silent:
        raise RuleProblemError("expected `examples` with at least one that `fires` and one that is `silent`")
    return Rule(
        id=name,
        title=title,
        abuse=Abuse(told["class"]),
        steps=tuple(tests),
        weight=float(weight),
        by=by,
        at_least=at_least,
        distinct=distinct,
        within_us=_duration(count["within"]) if "within" in count else 0,
        where=where,
        fires=tuple(fires),
        silent=tuple(silent),
    )


def _but(test: Any, spared: Any) -> Any:
    return lambda fields: test(fields) and not spared(fields)


def _duration(told: object) -> int:
    text = str(told)
    if text[:-1].isdigit() and text[-1:] in UNITS:
        return int(text[:-1]) * UNITS[text[-1]] * 1_000_000
    raise RuleProblemError(f"expected a duration such as `10m` for `within`, got `{told}`")


def _lists(told: object) -> Lists:
    if not isinstance(told, dict) or not all(isinstance(values, list) for values in told.values()):
        raise RuleProblemError("expected `lists` to be a mapping of lists")
    return Lists({str(name): frozenset(map(str, values)) for name, values in told.items()})


def _lines_of(text: str) -> list[int]:
    """Line of each rule of the first document, for messages."""
    document = next(iter(yaml.compose_all(text, Loader=yaml.SafeLoader)), None)
    for key, value in document.value if isinstance(document, yaml.MappingNode) else ():
        if key.value == "rules" and isinstance(value, yaml.SequenceNode):
            return [one.start_mark.line + 1 for one in value.value]
    return []
