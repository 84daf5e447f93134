"""Actions: the third argument of `SecRule`, cut into names and values and checked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from stockade.prevent.seclang import macros, transformations, variables
from stockade.prevent.seclang.problem import Place, close_to, refused

DISRUPTIVE = frozenset(
    [
        "allow",
        "block",
        "deny",
        "drop",
        "pass",
        "redirect",
        "proxy",
        "pause",
    ]
)
"""What becomes of the request; one a rule."""
META = frozenset(
    [
        "id",
        "phase",
        "msg",
        "logdata",
        "severity",
        "tag",
        "rev",
        "ver",
        "maturity",
        "accuracy",
        "status",
    ]
)
"""What is told about the rule."""
FLAGS = frozenset(
    [
        "chain",
        "capture",
        "multiMatch",
        "log",
        "nolog",
        "auditlog",
        "noauditlog",
    ]
)
"""Without a value."""
EFFECTS = frozenset(
    [
        "setvar",
        "ctl",
        "initcol",
        "setuid",
        "setsid",
        "setrsc",
        "expirevar",
        "deprecatevar",
        "sanitiseArg",
        "sanitizeArg",
        "sanitiseMatched",
        "sanitizeMatched",
        "sanitiseMatchedBytes",
        "sanitizeMatchedBytes",
        "sanitiseRequestHeader",
        "sanitizeRequestHeader",
        "sanitiseResponseHeader",
        "sanitizeResponseHeader",
        "setenv",
    ]
)
"""What a match changes."""
FLOW = frozenset(
    [
        "skip",
        "skipAfter",
        "t",
        "xmlns",
    ]
)
"""Where evaluation goes on, and what is done to values."""
REFUSED = {
    "exec": "runs a program",
    "append": "changes the answer",
    "prepend": "changes the answer",
    "proxy": "sends the request elsewhere; set the API's `upstream`",
    "pause": "holds the connection; use a `slow` decision",
}
"""Known, but not run, with the reason."""
SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
"""By their number."""
CTL = frozenset(
    [
        "auditEngine",
        "auditLogParts",
        "debugLogLevel",
        "forceRequestBodyVariable",
        "requestBodyAccess",
        "requestBodyLimit",
        "requestBodyProcessor",
        "responseBodyAccess",
        "responseBodyLimit",
        "ruleEngine",
        "ruleRemoveById",
        "ruleRemoveByMsg",
        "ruleRemoveByTag",
        "ruleRemoveTargetById",
        "ruleRemoveTargetByMsg",
        "ruleRemoveTargetByTag",
        "hashEngine",
        "hashEnforcement",
    ]
)
"""What `ctl` may change."""

_BY_LOWER = {name.lower(): name for name in (DISRUPTIVE | META | FLAGS | EFFECTS | FLOW | set(REFUSED))}
_PHASES = {"request": 2, "response": 4, "logging": 5}


@dataclass(frozen=True, slots=True)
class Action:
    """One action."""

    name: str
    """In its usual spelling."""
    value: str = ""
    """Without quotes."""


def parse(text: str, place: Place) -> list[Action]:
    """Cut and check a list of actions.

    Raises:
        SecLangError: an action does not exist or is not run.
    """
    out: list[Action] = []
    for part in _split(text):
        name, _, value = part.partition(":")
        known = _BY_LOWER.get(name.strip().lower())
        if known is None:
            raise refused(place, "action", "expected an action", name.strip(), close_to(name, _BY_LOWER.values()))
        if known in REFUSED:
            raise refused(place, known, f"expected an action that is run here: it {REFUSED[known]}")
        value = _unquoted(value.strip())
        if known == "t":
            value = transformations.named(value, place)
        out.append(Action(known, value))
    return out


def _split(text: str) -> Iterator[str]:
    """Parts between commas that stand outside single quotes."""
    start = 0
    at = 0
    quoted = False
    while at < len(text):
        character = text[at]
        if character == "\\":
            at += 2
            continue
        if character == "'":
            quoted = not quoted
        elif character == "," and not quoted:
            if text[start:at].strip():
                yield text[start:at].strip()
            start = at + 1
        at += 1
    if text[start:].strip():
        yield text[start:].strip()


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1].replace("\\'", "'")
    return value


def phase(value: str, place: Place) -> int:
    """The number of a phase.

    Raises:
        SecLangError: there is none of that name.
    """
    number = _PHASES.get(value.lower()) or (int(value) if value.isdigit() else 0)
    if not 1 <= number <= 5:
        raise refused(place, "phase", "expected 1 to 5, `request`, `response` or `logging`", value)
    return number


def severity(value: str, place: Place) -> int:
    """The number of a severity, 0 (emergency) to 7.

    Raises:
        SecLangError: there is none of that name.
    """
    if value.isdigit() and int(value) <= 7:
        return int(value)
    if value.lower() in SEVERITIES:
        return SEVERITIES.index(value.lower())
    raise refused(place, "severity", "expected 0 to 7 or a name such as `CRITICAL`", value)


def effect(action: Action, place: Place) -> dict[str, Any] | None:
    """An effect as in `EffectPlan`; None for one that has none here.

    Raises:
        SecLangError: its value is wrong.
    """
    name = action.name
    if name in {"setvar", "expirevar"}:
        return _set_variable(name, action.value, place)
    if name == "ctl":
        return _control(action.value, place)
    if name == "initcol":
        collection, separator, key = action.value.partition("=")
        upper = collection.upper()
        if not separator or upper not in {"IP", "GLOBAL", "SESSION", "USER", "RESOURCE"}:
            raise refused(
                place, name, "expected `ip`, `global`, `session`, `user` or `resource` `=` a key", action.value
            )
        return {"kind": "open_collection", "collection": upper, "key": macros.parse(key, place)}
    if name in {"setsid", "setuid", "setrsc"}:
        collection = {"setsid": "SESSION", "setuid": "USER", "setrsc": "RESOURCE"}[name]
        return {"kind": "open_collection", "collection": collection, "key": macros.parse(action.value, place)}
    if name.startswith("sanit"):
        kind = name.replace("sanitize", "sanitise").removeprefix("sanitise").lower()
        return {"kind": "sanitise", "what": kind, "key": action.value.lower()}
    if name == "setenv":
        variable, _, value = action.value.partition("=")
        return {"kind": "set", "collection": "ENV", "key": [variable.lower()], "change": "=",
                "value": macros.parse(value, place)}  # fmt: skip
    raise refused(place, name, f"expected an action that is run here, got `{name}`")


def _set_variable(action: str, text: str, place: Place) -> dict[str, Any]:
    unset = text.startswith("!")
    target, separator, value = text.lstrip("!").partition("=")
    name, dot, key = target.strip().partition(".")
    if not dot or name.upper() not in {"TX", "IP", "GLOBAL", "SESSION", "USER", "RESOURCE", "ENV"}:
        raise refused(place, action, "expected a variable such as `tx.name`", text)
    base: dict[str, Any] = {"collection": name.upper(), "key": macros.parse(key.lower(), place)}
    if action == "expirevar":
        if not value.strip():
            raise refused(place, action, "expected `collection.variable=SECONDS`", text)
        return {"kind": "expire", **base, "seconds": macros.parse(value.strip(), place)}
    if unset:
        return {"kind": "unset", **base}
    change = "="
    # As ModSecurity reads it, `=+1` adds and `=-1` takes away.
    if value[:1] in {"+", "-"}:
        change, value = value[0], value[1:]
    if not separator:
        value = "1"
    return {"kind": "set", **base, "change": change, "value": macros.parse(value.strip(), place)}


_RANGE = re.compile(r"(\d{1,18})(?:-(\d{1,18}))?")


def id_ranges(text: str, place: Place) -> list[list[int]]:
    """Rule ids and ranges of them, such as `941100 942000-942999`.

    Raises:
        SecLangError: something else stands there.
    """
    out: list[list[int]] = []
    for part in re.split(r"[\s,]+", text.strip().strip('"')):
        found = _RANGE.fullmatch(part.strip())
        if not found:
            raise refused(place, "rule id", "expected ids and ranges such as `941100 942000-942999`", part)
        first = int(found.group(1))
        out.append([first, int(found.group(2) or first)])
    return out


def _switch(value: str, place: Place, name: str) -> bool:
    if value.lower() in {"on", "off"}:
        return value.lower() == "on"
    raise refused(place, name, "expected `On` or `Off`", value)


def engine_mode(value: str, place: Place) -> str:
    """`on`, `off` or `detection_only`.

    Raises:
        SecLangError: something else stands there.
    """
    modes = {"on": "on", "off": "off", "detectiononly": "detection_only"}
    if value.lower() not in modes:
        raise refused(place, "SecRuleEngine", "expected `On`, `Off` or `DetectionOnly`", value)
    return modes[value.lower()]


PROCESSORS = frozenset({"URLENCODED", "MULTIPART", "XML", "JSON"})
"""Body processors."""


def _control(text: str, place: Place) -> dict[str, Any] | None:
    setting, separator, value = text.partition("=")
    known = {name.lower(): name for name in CTL}.get(setting.strip().lower())
    value = _unquoted(value.strip())
    if known is None or not separator:
        raise refused(place, "ctl", "expected a setting and its value", text, close_to(setting, CTL))
    if known == "ruleEngine":
        return {"kind": "engine", "mode": engine_mode(value, place)}
    if known == "requestBodyProcessor":
        if value.upper() not in PROCESSORS:
            raise refused(place, "ctl:requestBodyProcessor", f"expected one of {', '.join(sorted(PROCESSORS))}", value)
        return {"kind": "body_processor", "name": value.upper()}
    if known in {"requestBodyAccess", "responseBodyAccess"}:
        which = "request" if known.startswith("request") else "response"
        return {"kind": "body_access", "which": which, "on": _switch(value, place, f"ctl:{known}")}
    if known == "forceRequestBodyVariable":
        return {"kind": "force_body_variable", "on": _switch(value, place, f"ctl:{known}")}
    if known == "auditEngine":
        return {"kind": "audit", "on": value.lower() != "off"}
    if known in {"requestBodyLimit", "responseBodyLimit"}:
        if not value.isdigit():
            raise refused(place, f"ctl:{known}", "expected a number of bytes", value)
        return {"kind": "body_limit", "which": known.removesuffix("BodyLimit"), "bytes": int(value)}
    if known == "ruleRemoveById":
        return {"kind": "remove", "ids": id_ranges(value, place)}
    if known == "ruleRemoveByTag":
        return {"kind": "remove", "tag": value}
    if known == "ruleRemoveByMsg":
        return {"kind": "remove", "msg": value}
    if known.startswith("ruleRemoveTarget"):
        selector, separator, target = value.partition(";")
        if not separator:
            raise refused(place, f"ctl:{known}", "expected a rule and `;` a variable", value)
        by = known.removeprefix("ruleRemoveTargetBy").lower()
        chosen: dict[str, Any] = {"ids": id_ranges(selector, place)} if by == "id" else {by: selector}
        targets = [one.to_plan() for one in variables.parse(target, place)]
        return {"kind": "remove_targets", **chosen, "targets": targets}
    # Logs of ModSecurity's own and hashes in answers: there is nothing here that they would change.
    return None
