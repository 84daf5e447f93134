"""Sigma rules for web servers' logs, read unmodified by pySigma and run as rules of our own."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Any

from sigma.collection import SigmaCollection
from sigma.conditions import (
    ConditionAND,
    ConditionFieldEqualsValueExpression,
    ConditionNOT,
    ConditionOR,
    ConditionValueExpression,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaRule
from sigma.types import (
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

from stockade.detect.behaviour.signals import Abuse
from stockade.detect.rules.condition import (
    LONGEST,
    RuleProblemError,
    Test,
    all_of,
    any_of,
    in_networks,
    matches,
    none_of,
)
from stockade.detect.rules.rule import Rule

FIELDS = {
    "cs-method": "method",
    "cs-uri": "uri",
    "c-uri": "uri",
    "cs-uri-query": "query",
    "c-uri-query": "query",
    "cs-uri-stem": "path",
    "c-uri-stem": "path",
    "cs-user-agent": "user_agent",
    "c-useragent": "user_agent",
    "cs-host": "authority",
    "cs-username": "subject",
    "sc-status": "status",
    "sc-bytes": "response_bytes",
    "cs-bytes": "request_bytes",
    "c-ip": "address",
    "src_ip": "address",
    "cs-version": "http_version",
}
"""Names of Sigma's web server fields (the W3C extended log format) and what events call them."""

WEIGHTS = {"informational": 0.5, "low": 2.0, "medium": 3.5, "high": 5.0, "critical": 7.0}
"""Log-odds of each level: one exchange alone blocks nobody."""

CATEGORIES = ("webserver", "proxy")
"""Categories of log source that events can stand in for."""

_COMPARE = {
    SigmaCompareExpression.CompareOperators.LT: operator.lt,
    SigmaCompareExpression.CompareOperators.LTE: operator.le,
    SigmaCompareExpression.CompareOperators.GT: operator.gt,
    SigmaCompareExpression.CompareOperators.GTE: operator.ge,
}


def rules_of(text: str, where: str) -> tuple[list[Rule], list[str]]:
    """Read one file.

    Args:
        text: its content: one Sigma rule or several.
        where: its name, for messages.

    Returns:
        Rules, and one line for each problem.
    """
    try:
        collection = SigmaCollection.from_yaml(text, collect_errors=True)
    except (SigmaError, ValueError, TypeError, KeyError, AttributeError) as error:
        return [], [f"{where}:1: expected a Sigma rule: {' '.join(str(error).split())}"]
    rules: list[Rule] = []
    problems: list[str] = [f"{where}:1: {error}" for error in collection.errors]
    for rule in collection.rules:
        if not isinstance(rule, SigmaRule):
            problems.append(f"{where}:1: expected a rule, got a correlation, which is not supported")
            continue
        if rule.errors:
            problems.extend(f"{where}:1: {error}" for error in rule.errors)
            continue
        if rule.logsource.category not in CATEGORIES:
            source = rule.logsource.category or rule.logsource.product
            problems.append(
                f"{where}:1: `{rule.title}` is about logs of `{source}`; expected {' or '.join(CATEGORIES)}"
            )
            continue
        try:
            tests = [_test(condition.parsed) for condition in rule.detection.parsed_condition]
        except (RuleProblemError, SigmaError) as error:
            problems.append(f"{where}:1: `{rule.title}`: {error}")
            continue
        level = str(rule.level).lower() if rule.level else "medium"
        rules.append(
            Rule(
                id=f"sigma.{rule.id or rule.title}",
                title=str(rule.title),
                abuse=Abuse.RECONNAISSANCE,
                steps=(any_of(tests),),
                weight=WEIGHTS.get(level, 3.5),
                where=where,
            )
        )
    return rules, problems


def _test(node: Any) -> Test:
    match node:
        case ConditionAND():
            return all_of([_test(one) for one in node.args])
        case ConditionOR():
            return any_of([_test(one) for one in node.args])
        case ConditionNOT():
            return none_of(_test(node.args[0]))
        case ConditionFieldEqualsValueExpression():
            return _field(str(node.field), node.value)
        case ConditionValueExpression():
            # Words without a field are looked for in all of the line.
            return any_of([_value(name, node.value, anywhere=True) for name in ("uri", "user_agent", "method")])
        case _:
            raise RuleProblemError(f"`{type(node).__name__}` in its condition is not supported")


def _field(name: str, value: Any) -> Test:
    known = FIELDS.get(name.lower())
    if known is None:
        raise RuleProblemError(f"field `{name}` is not in events; expected one of {', '.join(sorted(FIELDS))}")
    return _value(known, value, anywhere=False)


def _value(name: str, value: Any, *, anywhere: bool) -> Test:
    match value:
        case SigmaCasedString():
            return matches(name, _pattern(value, anywhere))
        case SigmaString():
            return matches(name, _pattern(value, anywhere), re.IGNORECASE)
        case SigmaNumber():
            return lambda fields: str(fields.get(name)) == str(value.number)
        case SigmaRegularExpression():
            return matches(name, str(value.regexp), _flags(value))
        case SigmaCIDRExpression():
            return in_networks(name, frozenset({str(value.cidr)}))
        case SigmaCompareExpression():
            compare, number = _COMPARE.get(value.op), value.number.number
            if compare is None:
                raise RuleProblemError(f"comparison `{value.op}` is not supported")
            return lambda fields: name in fields and bool(compare(fields[name], number))
        case SigmaNull():
            return lambda fields: not fields.get(name)
        case SigmaExists():
            return lambda fields: (name in fields) == value.exists
        case SigmaBool():
            return lambda fields: str(fields.get(name)).lower() == str(value.boolean).lower()
        case _:
            raise RuleProblemError(f"values of `{type(value).__name__}` are not supported")


def _flags(value: SigmaRegularExpression) -> int:
    flags = 0
    for flag in value.flags:
        flags |= getattr(re, flag.name, 0)
    return flags


def _pattern(value: SigmaString, anywhere: bool) -> str:
    parts: Iterable[Any] = value.s
    text = ""
    for part in parts:
        if part == SpecialChars.WILDCARD_MULTI:
            text += f".{{0,{LONGEST}}}"
        elif part == SpecialChars.WILDCARD_SINGLE:
            text += "."
        else:
            text += re.escape(str(part))
    return text if anywhere else rf"(?s)\A{text}\Z"
