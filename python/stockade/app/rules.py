"""SecLang rules as an operator works with them: listed, tested, measured and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from stockade.app import wiring
from stockade.app.clock import wall_clock
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.policy import Asked
from stockade.core.engine import Message
from stockade.core.rules import Rules
from stockade.prevent.seclang import Compilation, SecLangError, compile_files

SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""Severities by their number."""


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """One rule."""

    id: int
    """Its id."""
    phase: int
    """Phase, 1 to 5."""
    severity: str
    """Name of its severity; empty when it has none."""
    message: str
    """`msg`, with macros as they are written."""
    place: str
    """`file:line`."""
    tags: tuple[str, ...]
    """Its tags."""

    def to_json(self) -> dict[str, Any]:
        """The rule as a JSON object."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one case of a rule test."""

    name: str
    """Its name."""
    fired: tuple[int, ...]
    """Rules that matched and are told of."""
    missing: tuple[int, ...]
    """Rules that must fire and did not."""
    unwanted: tuple[int, ...]
    """Rules that must not fire and did."""

    @property
    def good(self) -> bool:
        """Whether it is as expected."""
        return not self.missing and not self.unwanted

    def to_json(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {**asdict(self), "good": self.good}


def compiled(files: Sequence[Path], config: Path | None) -> Compilation:
    """The rules of some files, or of the APIs of a config.

    Raises:
        ConfigProblemsError: with every problem of the rules.
        StockadeError: neither names rules.
    """
    patterns = [str(file) for file in files]
    if not patterns:
        loaded = wiring.load(Asked(config=config or Path("stockade.yaml")))
        sections = [api.seclang for api in loaded.config.apis.values() if api.seclang is not None]
        patterns = list(dict.fromkeys(pattern for section in sections for pattern in section.files))
    if not patterns:
        hint = "name files, or set `apis.NAME.seclang.files` in the config"
        raise StockadeError("usage", "expected SecLang rules, got none", hint)
    try:
        return compile_files(patterns, Path.cwd())
    except SecLangError as error:
        raise ConfigProblemsError(error.problems) from error


def summaries(compilation: Compilation) -> list[RuleSummary]:
    """Every rule, by phase and in the order in which they run."""
    plan = compilation.plan
    found: list[RuleSummary] = []
    for number, phase in enumerate(plan["phases"], 1):
        for rule in phase:
            severity = rule.get("severity")
            found.append(
                RuleSummary(
                    rule["id"],
                    number,
                    "" if severity is None else SEVERITIES[severity],
                    text(rule.get("msg", [])),
                    f"{plan['files'][rule['file']]}:{rule['line']}",
                    tuple(plan["tags"][tag] for tag in rule["tags"]),
                )
            )
    return found


def explained(compilation: Compilation, rule_id: int) -> tuple[RuleSummary, dict[str, Any]]:
    """One rule, and its part of the plan: defaults, updates and data files are taken in already.

    Raises:
        StockadeError: there is none of that id.
    """
    for summary in summaries(compilation):
        if summary.id == rule_id:
            rules = compilation.plan["phases"][summary.phase - 1]
            return summary, next(rule for rule in rules if rule["id"] == rule_id)
    raise StockadeError("rules.unknown", f"no rule with id `{rule_id}`", "`stockade rules list` shows them all")


def tested(file: Path, files: Sequence[Path], config: Path | None) -> list[CaseResult]:
    """Run the cases of a YAML file: `rules` (files, relative to it) and `cases`.

    Each case has a `name`, a `request` (as for `stockade explain`), and `must_fire` and `must_not_fire`, lists of ids;
    it may have a `response` with `status`, `headers` and `body`.

    Raises:
        StockadeError: the file cannot be read, or is none of that.
    """
    try:
        document = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise StockadeError("usage", f"expected a file of cases in `{file}`: {error}") from error
    if not isinstance(document, Mapping) or not isinstance(document.get("cases"), list):
        raise StockadeError("usage", f"expected `cases`, a list, in `{file}`", _EXAMPLE)
    named = document.get("rules") or []
    patterns = [file.parent / str(name) for name in ([named] if isinstance(named, str) else named)]
    rules = Rules(compiled(files or patterns, config).plan)
    return [_run(rules, case, number, file) for number, case in enumerate(document["cases"], 1)]


_EXAMPLE = "such as `cases: [{name: ..., request: {url: /?q=1}, must_fire: [942100]}]`"


def _run(rules: Rules, case: object, number: int, file: Path) -> CaseResult:
    if not isinstance(case, Mapping) or not isinstance(case.get("request"), Mapping):
        raise StockadeError("usage", f"expected a `request` in case {number} of `{file}`", _EXAMPLE)
    if unknown := sorted(set(case) - {"name", "request", "response", "must_fire", "must_not_fire"}):
        raise StockadeError("usage", f"unknown key `{unknown[0]}` in case {number} of `{file}`", _EXAMPLE)
    message = Message.from_json(case["request"])
    judged = rules.judge(message.raw, now_us=wall_clock(), response=_response(case.get("response")))
    fired = tuple(dict.fromkeys(match.rule for match in judged.matches))
    must, must_not = _ids(case, "must_fire", file), _ids(case, "must_not_fire", file)
    missing = tuple(rule for rule in must if rule not in fired)
    unwanted = tuple(rule for rule in must_not if rule in fired)
    return CaseResult(str(case.get("name", f"case {number}")), fired, missing, unwanted)


def _ids(case: Mapping[str, Any], key: str, file: Path) -> tuple[int, ...]:
    value = case.get(key) or []
    if not isinstance(value, list) or not all(isinstance(one, int) for one in value):
        raise StockadeError("usage", f"expected `{key}` to be a list of rule ids in `{file}`", _EXAMPLE)
    return tuple(value)


def _response(value: object) -> tuple[int, list[tuple[str, str]], bytes] | None:
    if not isinstance(value, Mapping):
        return None
    headers = value.get("headers") or {}
    fields = [(str(name), str(text)) for name, text in (headers.items() if isinstance(headers, Mapping) else headers)]
    return int(value.get("status", 200)), fields, str(value.get("body", "")).encode()


@dataclass(frozen=True, slots=True)
class Timing:
    """What a message costs."""

    total_us: float
    """Microseconds of one run of all rules over it."""
    rules: tuple[tuple[RuleSummary, float], ...]
    """Rules with their microseconds, dearest first."""


DEFAULT_MESSAGE = (
    b"GET /orders?limit=20&sort=date&status=open&q=blue+chair HTTP/1.1\r\nHost: api.example\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\r\nAccept: application/json\r\n"
    b"Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2ln\r\n\r\n"
)
"""What is measured when nothing is named: a plain GET."""


def timed(compilation: Compilation, message: bytes, rounds: int) -> Timing:
    """Measure what a request costs, and which rules cost most of it.

    Args:
        compilation: the rules.
        message: raw HTTP/1 message.
        rounds: how often it is run, after some that do not count.
    """
    rules = Rules(compilation.plan)
    now = wall_clock()
    rules.time(message, now_us=now, rounds=max(1, rounds // 10))
    total, each = rules.time(message, now_us=now, rounds=rounds)
    known = {summary.id: summary for summary in summaries(compilation)}
    dearest = sorted(each.items(), key=lambda item: -item[1])
    return Timing(total, tuple((known[rule], spent) for rule, spent in dearest if rule in known))


def text(parts: Sequence[Any]) -> str:
    """A text of the plan as it was written."""
    return "".join(part if isinstance(part, str) else _macro(part) for part in parts)


def _macro(part: Mapping[str, Any]) -> str:
    key = part.get("key")
    return f"%{{{part['collection']}.{key}}}" if key else f"%{{{part['collection']}}}"
