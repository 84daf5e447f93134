"""Compares what an API declares with what its traffic shows, and says how much each endpoint deserves a look."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stockade.prevent.inventory.paths import PathLearner

SHADOW, ZOMBIE, ORPHAN, OLD_VERSION, UNAUTHENTICATED = "shadow", "zombie", "orphan", "old_version", "unauthenticated"

WEIGHTS: Mapping[str, int] = {
    SHADOW: 40,
    ZOMBIE: 25,
    OLD_VERSION: 15,
    UNAUTHENTICATED: 20,
    "changes_data": 15,
    "takes_an_id": 10,
    "administration": 25,
    ORPHAN: 5,
}
"""What each part adds to the grade of risk, which is 100 at most."""

_VERSION = re.compile(r"/v(\d{1,4})(?=/|$)")
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Declared:
    """One operation of a contract."""

    api: str
    """API, by its name in config."""
    operation: str
    """Operation id."""
    method: str
    """Method."""
    path: str
    """Template."""
    tags: tuple[str, ...] = ()
    """Tags."""
    deprecated: bool = False
    """Whether the contract marks it deprecated."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint, declared or seen or both."""

    api: str
    """API, by its name in config."""
    method: str
    """Method."""
    path: str
    """Template: the contract's, or one that traffic shows."""
    operation: str | None
    """Operation id; None when it is not declared."""
    exchanges: int = 0
    """Exchanges that were seen; of what is not declared, only successful ones."""
    actors: int | None = None
    """Different actors; None when it is not declared."""
    first_seen: int | None = None
    """Microseconds since the epoch; None when it was never seen."""
    last_seen: int | None = None
    """The same."""
    findings: tuple[str, ...] = ()
    """`shadow`: seen, not declared. `zombie`: deprecated and still called. `old_version`: called though a newer version
    is there. `orphan`: declared, never seen. `unauthenticated`: answered to callers who proved nothing."""
    risk: Mapping[str, int] = field(default_factory=dict)
    """Parts of the grade."""

    @property
    def grade(self) -> int:
        """Risk from 0 to 100: the sum of its parts."""
        return min(100, sum(self.risk.values()))


def endpoints(
    declared: Iterable[Declared], seen: Iterable[Mapping[str, Any]], undeclared: Iterable[Mapping[str, Any]]
) -> list[Endpoint]:
    """All endpoints, riskiest first.

    Args:
        declared: operations of the contracts.
        seen: rows of the query `seen_operations`.
        undeclared: rows of the query `undeclared`.
    """
    by_operation = {(row["api"], row["operation"]): row for row in seen}
    found = [_declared(one, by_operation.get((one.api, one.operation))) for one in declared]
    found += _shadows(undeclared)
    newest = _newest_versions(found)
    graded = [_graded(one, newest) for one in found]
    return sorted(graded, key=lambda one: (-one.grade, one.api, one.path, one.method))


def _declared(one: Declared, row: Mapping[str, Any] | None) -> Endpoint:
    findings: list[str] = []
    risk: dict[str, int] = {}
    if "admin" in one.tags:
        risk["administration"] = WEIGHTS["administration"]
    if row is None:
        return Endpoint(one.api, one.method, one.path, one.operation, findings=(ORPHAN,), risk=risk)
    if one.deprecated:
        findings.append(ZOMBIE)
    if row["unauthenticated"]:
        findings.append(UNAUTHENTICATED)
    return Endpoint(
        one.api,
        one.method,
        one.path,
        one.operation,
        row["exchanges"],
        row["actors"],
        row["first_seen"],
        row["last_seen"],
        tuple(findings),
        risk,
    )


def _shadows(undeclared: Iterable[Mapping[str, Any]]) -> list[Endpoint]:
    learners: dict[str, PathLearner] = {}
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in undeclared:
        learners.setdefault(row["api"], PathLearner()).add(row["method"], row["path"], row["exchanges"])
        rows.setdefault(row["api"], []).append(row)
    found = []
    for api, learner in learners.items():
        for template in learner.templates():
            fits = re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template.path)) + "/?")
            own = [row for row in rows[api] if row["method"] == template.method and fits.fullmatch(row["path"])]
            findings = [SHADOW]
            if any(row["unauthenticated"] for row in own):
                findings.append(UNAUTHENTICATED)
            found.append(
                Endpoint(
                    api,
                    template.method,
                    template.path,
                    None,
                    template.count,
                    None,
                    min((row["first_seen"] for row in own), default=None),
                    max((row["last_seen"] for row in own), default=None),
                    tuple(findings),
                )
            )
    return found


def _newest_versions(found: Iterable[Endpoint]) -> dict[tuple[str, str, str], int]:
    newest: dict[tuple[str, str, str], int] = {}
    for one in found:
        version = _VERSION.search(one.path)
        if version:
            key = _unversioned(one)
            newest[key] = max(newest.get(key, 0), int(version[1]))
    return newest


def _unversioned(one: Endpoint) -> tuple[str, str, str]:
    return one.api, one.method, re.sub(r"\{[^}]*\}", "{}", _VERSION.sub("/v", one.path, count=1))


def _graded(one: Endpoint, newest: Mapping[tuple[str, str, str], int]) -> Endpoint:
    findings = list(one.findings)
    version = _VERSION.search(one.path)
    if version and one.exchanges and int(version[1]) < newest[_unversioned(one)]:
        findings.append(OLD_VERSION)
    risk = {**one.risk, **{finding: WEIGHTS[finding] for finding in findings}}
    if one.method in _CHANGING:
        risk["changes_data"] = WEIGHTS["changes_data"]
    if "{" in one.path:
        risk["takes_an_id"] = WEIGHTS["takes_an_id"]
    if re.search(r"/(?:admin|internal|debug|manage|actuator)(?:/|$)", one.path):
        risk["administration"] = WEIGHTS["administration"]
    return Endpoint(
        one.api,
        one.method,
        one.path,
        one.operation,
        one.exchanges,
        one.actors,
        one.first_seen,
        one.last_seen,
        tuple(findings),
        risk,
    )
