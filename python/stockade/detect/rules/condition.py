"""Conditions over the fields of an exchange. A field that is not there equals nothing."""

from __future__ import annotations

import ipaddress
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Fields = Mapping[str, Any]
"""Fields by name, as columns of recorded events have them; numbers as numbers, all else as text."""

Test = Callable[[Fields], bool]
"""Whether an exchange fits."""

NUMBERS = frozenset({"status", "response_bytes", "request_bytes", "total_us", "upstream_us", "port"})
"""Fields that are numbers."""

TEXTS = frozenset(
    {
        "actor",
        "address",
        "api",
        "authority",
        "client",
        "detectors",
        "http_version",
        "key",
        "method",
        "operation",
        "path",
        "query",
        "reason",
        "request_type",
        "response_type",
        "role",
        "scheme",
        "session",
        "subject",
        "tls_version",
        "token",
        "uri",
        "user_agent",
        "verdict",
    }
)
"""Fields that are text. `uri` is path and query; `role` and `detectors` hold several, separated by commas."""

LONGEST = 4096
"""Characters of a field that are looked at."""

_COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}


class RuleProblemError(ValueError):
    """Why a rule is not taken."""


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists that conditions may name."""

    values: Mapping[str, frozenset[str]]
    """By name."""

    def named(self, name: str) -> frozenset[str]:
        """The list of a name.

        Raises:
            RuleProblemError: there is none.
        """
        if name not in self.values:
            raise RuleProblemError(f"`in` names list `{name}`; expected one of {', '.join(self.values) or 'none'}")
        return self.values[name]


def fields_of(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a record of the spool."""
    request, client = raw.get("request") or {}, raw.get("client") or {}
    identity, response = raw.get("identity") or {}, raw.get("response") or {}
    refusals, timing = raw.get("refusals") or (), raw.get("timing") or {}
    path, query = request.get("path") or "", request.get("query")
    found = {
        "api": raw.get("api"),
        "operation": raw.get("operation"),
        "method": request.get("method"),
        "path": path,
        "query": query,
        "uri": f"{path}?{query}" if query else path,
        "user_agent": request.get("user_agent"),
        "address": client.get("address"),
        "port": client.get("port"),
        "subject": identity.get("subject"),
        "client": identity.get("client"),
        "key": identity.get("key"),
        "session": raw.get("session"),
        "token": identity.get("token_hash") or identity.get("token"),
        "role": ",".join(identity.get("roles") or ()),
        "actor": raw.get("actor"),
        "verdict": raw.get("verdict"),
        "reason": refusals[-1]["reason"] if refusals else None,
        "detectors": ",".join(one["detector"] for one in raw.get("findings") or ()),
        "scheme": request.get("scheme"),
        "authority": request.get("authority"),
        "http_version": request.get("version"),
        "request_type": request.get("content_type"),
        "response_type": response.get("content_type"),
        "tls_version": (client.get("tls") or {}).get("version"),
        "status": response.get("status"),
        "response_bytes": response.get("body_bytes"),
        "request_bytes": request.get("body_bytes"),
        "total_us": timing.get("total_us"),
        "upstream_us": timing.get("upstream_us"),
    }
    return {name: value for name, value in found.items() if value is not None}


def all_of(tests: Sequence[Test]) -> Test:
    """All of them."""
    return lambda fields: all(test(fields) for test in tests)


def any_of(tests: Sequence[Test]) -> Test:
    """Any of them."""
    return lambda fields: any(test(fields) for test in tests)


def none_of(test: Test) -> Test:
    """Not this one."""
    return lambda fields: not test(fields)


def compile_condition(told: object, lists: Lists) -> Test:
    """Read a condition: a mapping of fields that must all fit, or a list of such mappings of which one must.

    Args:
        told: as in the file.
        lists: what `in` may name.

    Raises:
        RuleProblemError: it is no condition.
    """
    if isinstance(told, list):
        return any_of([compile_condition(one, lists) for one in told])
    if not isinstance(told, dict) or not told:
        raise RuleProblemError(f"expected a mapping of fields, got `{told}`")
    tests = []
    for name, wanted in told.items():
        if name == "not":
            tests.append(none_of(compile_condition(wanted, lists)))
        elif name in NUMBERS:
            tests.append(_number(name, wanted))
        elif name in TEXTS:
            tests.append(_text(name, wanted, lists))
        else:
            raise RuleProblemError(f"field `{name}` is not known; expected `not`, or a field of events such as `path`")
    return all_of(tests)


def _number(name: str, wanted: object) -> Test:
    if isinstance(wanted, list):
        return any_of([_number(name, one) for one in wanted])
    sign, text = "", str(wanted).strip()
    for sign in (*_COMPARE, ""):
        if text.startswith(sign):
            break
    try:
        number = int(text.removeprefix(sign))
    except ValueError:
        raise RuleProblemError(
            f"expected a number or a comparison such as `>= 400` for `{name}`, got `{wanted}`"
        ) from None
    compare = _COMPARE.get(sign, operator.eq)
    return lambda fields: name in fields and bool(compare(fields[name], number))


def _text(name: str, wanted: object, lists: Lists) -> Test:
    if isinstance(wanted, list):
        return any_of([_text(name, one, lists) for one in wanted])
    if isinstance(wanted, dict):
        return all_of([_operator(name, sign, value, lists) for sign, value in wanted.items()])
    if name == "address" and "/" in str(wanted):
        return in_networks(name, frozenset({str(wanted)}))
    value = str(wanted)
    if name in ("role", "detectors"):
        return lambda fields: value in str(fields.get(name, "")).split(",")
    return lambda fields: fields.get(name) == value


def _operator(name: str, sign: object, value: object, lists: Lists) -> Test:
    text = str(value)
    match sign:
        case "contains":
            return lambda fields: text in str(fields.get(name, ""))[:LONGEST]
        case "starts":
            return lambda fields: str(fields.get(name, "")).startswith(text)
        case "ends":
            return lambda fields: str(fields.get(name, "")).endswith(text)
        case "matches":
            return matches(name, text)
        case "in":
            values = lists.named(text)
            return in_networks(name, values) if name == "address" else lambda fields: fields.get(name) in values
        case "absent":
            return lambda fields: (not fields.get(name)) == bool(value)
        case _:
            raise RuleProblemError(
                f"expected `contains`, `starts`, `ends`, `matches`, `in` or `absent` for `{name}`, got `{sign}`"
            )


def matches(name: str, pattern: str, flags: int = 0) -> Test:
    """Whether a pattern is found in a field.

    Raises:
        RuleProblemError: it is no pattern.
    """
    try:
        found = re.compile(pattern, flags)
    except re.error as error:
        raise RuleProblemError(f"expected a regular expression for `{name}`, got `{pattern}`: {error}") from error
    return lambda fields: name in fields and found.search(str(fields[name])[:LONGEST]) is not None


def in_networks(name: str, values: frozenset[str]) -> Test:
    """Whether an address is in one of some networks.

    Raises:
        RuleProblemError: one of these is none.
    """
    try:
        networks = [ipaddress.ip_network(value, strict=False) for value in sorted(values)]
    except ValueError as error:
        raise RuleProblemError(f"expected addresses or networks for `{name}`: {error}") from error

    def test(fields: Fields) -> bool:
        try:
            address = ipaddress.ip_address(str(fields.get(name, "")))
        except ValueError:
            return False
        return any(address in network for network in networks)

    return test
