"""Compares what an API declares with what its traffic shows, and says how much each endpoint deserves a look."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from stockade.prevent.inventory.declared import Declared
from stockade.prevent.inventory.drift import Drift
from stockade.prevent.inventory.observe import Templates
from stockade.prevent.inventory.seen import DataSeen, OperationSeen
from stockade.prevent.inventory.sensitive import SECRET

SHADOW, ZOMBIE, ORPHAN, OLD_VERSION, UNAUTHENTICATED = "shadow", "zombie", "orphan", "old_version", "unauthenticated"
DRIFT = "drift"

WEIGHTS: Mapping[str, int] = {
    SHADOW: 40,
    ZOMBIE: 25,
    OLD_VERSION: 15,
    UNAUTHENTICATED: 20,
    DRIFT: 10,
    "changes_data": 15,
    "takes_an_id": 10,
    "administration": 25,
    "personal_data": 15,
    "secret_data": 20,
    ORPHAN: 5,
}
"""What each part adds to the grade of risk, which is 100 at most."""

CALLERS = 5
"""Callers told of one endpoint."""

SURE = 0.4
"""Confidence from which a class of data counts for the grade."""

_VERSION = re.compile(r"/v(\d{1,4})(?=/|$)")
_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class DataAt:
    """Data of some class at one place of an endpoint."""

    side: str
    """`request`, `response`, `path` or `query`."""
    field: str
    """Where it stands, as `items[].email`, or the name of the parameter."""
    data: DataSeen
    """Which class, and how certain."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint, declared or seen or both."""

    api: str
    """API, by its name in config."""
    method: str
    """Method."""
    path: str
    """Template with the base path: the contract's, or one that traffic shows."""
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
    owner: str | None = None
    """Who answers for it; None when nobody was named."""
    version: int | None = None
    """Version in its path, as in `/v2/orders`; None when it has none."""
    identity: Mapping[str, int] = field(default_factory=dict)
    """How callers proved who they are, with successful exchanges; `none` where they proved nothing."""
    callers: tuple[tuple[str, int], ...] = ()
    """Who calls it most, with exchanges."""
    data: tuple[DataAt, ...] = ()
    """Personal and secret data that it takes or gives."""
    drift: tuple[Drift, ...] = ()
    """How the shape of its bodies changed."""
    seen: OperationSeen | None = None
    """Parameters and bodies as traffic shows them."""
    findings: tuple[str, ...] = ()
    """`shadow`: seen, not declared. `zombie`: deprecated and still called. `old_version`: called though a newer version
    is there. `orphan`: declared, never seen. `unauthenticated`: answered to callers who proved nothing. `drift`: its
    bodies are not shaped as they were."""
    risk: Mapping[str, int] = field(default_factory=dict)
    """Parts of the grade."""

    @property
    def grade(self) -> int:
        """Risk from 0 to 100: the sum of its parts."""
        return min(100, sum(self.risk.values()))


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rows of the named queries about one span of time."""

    operations: Sequence[Mapping[str, Any]]
    """Of `seen_operations`."""
    undeclared: Sequence[Mapping[str, Any]]
    """Of `undeclared`."""
    identities: Sequence[Mapping[str, Any]] = ()
    """Of `seen_identities`."""
    callers: Sequence[Mapping[str, Any]] = ()
    """Of `seen_callers`."""
    seen: Sequence[OperationSeen] = ()
    """Parameters and bodies."""
    drift: Mapping[tuple[str, str, str], tuple[Drift, ...]] = field(default_factory=dict)
    """Changes of shape."""


def endpoints(declared: Sequence[Declared], templates: Templates, traffic: Traffic) -> list[Endpoint]:
    """All endpoints, riskiest first.

    Args:
        declared: operations of the contracts.
        templates: which operation a row belongs to.
        traffic: what was seen.
    """
    by_operation = {(row["api"], row["operation"]): row for row in traffic.operations}
    found = [_declared(one, by_operation.get((one.api, one.operation))) for one in declared]
    found += _shadows(templates, traffic.undeclared)
    told = [_with_traffic(one, traffic) for one in found]
    newest = _newest_versions(told)
    admin = {(one.api, one.operation) for one in declared if "admin" in one.tags}
    graded = [_graded(one, newest, (one.api, one.operation) in admin) for one in told]
    return sorted(graded, key=lambda one: (-one.grade, one.api, one.path, one.method))


def _declared(one: Declared, row: Mapping[str, Any] | None) -> Endpoint:
    endpoint = Endpoint(one.api, one.method, one.whole_path, one.operation, owner=one.owner)
    if row is None:
        return replace(endpoint, findings=(ORPHAN,))
    findings = [ZOMBIE] if one.deprecated else []
    if row["unauthenticated"]:
        findings.append(UNAUTHENTICATED)
    return replace(
        endpoint,
        exchanges=row["exchanges"],
        actors=row["actors"],
        first_seen=row["first_seen"],
        last_seen=row["last_seen"],
        findings=tuple(findings),
    )


def _shadows(templates: Templates, undeclared: Iterable[Mapping[str, Any]]) -> list[Endpoint]:
    rows: dict[tuple[str, str, str, str | None], list[Mapping[str, Any]]] = defaultdict(list)
    for row in undeclared:
        key = templates.of({**row, "operation": None})
        if key is not None:
            rows[key].append(row)
    return [
        Endpoint(
            api,
            method,
            path,
            None,
            sum(row["exchanges"] for row in own),
            None,
            min(row["first_seen"] for row in own),
            max(row["last_seen"] for row in own),
            findings=(SHADOW, UNAUTHENTICATED) if any(row["unauthenticated"] for row in own) else (SHADOW,),
        )
        for (api, method, path, _), own in rows.items()
    ]


def _with_traffic(one: Endpoint, traffic: Traffic) -> Endpoint:
    def own(row: Mapping[str, Any]) -> bool:
        return one.operation is not None and (row["api"], row["operation"]) == (one.api, one.operation)

    place = (one.api, one.method, one.path)
    seen = next((each for each in traffic.seen if (each.api, each.method, each.path) == place), None)
    version = _VERSION.search(one.path)
    changes = traffic.drift.get(place, ())
    return replace(
        one,
        version=int(version[1]) if version else None,
        identity={row["identity_method"] or "none": row["exchanges"] for row in traffic.identities if own(row)},
        callers=tuple((row["actor"], row["exchanges"]) for row in traffic.callers if own(row))[:CALLERS],
        data=_data(seen) if seen else (),
        drift=changes,
        seen=seen,
        findings=(*one.findings, DRIFT) if changes else one.findings,
    )


def _data(seen: OperationSeen) -> tuple[DataAt, ...]:
    found = [DataAt(one.place, one.name, data) for one in seen.parameters for data in one.data]
    best: dict[tuple[str, str, str], DataAt] = {}
    for body in seen.bodies:
        for place in body.fields:
            for data in place.data:
                key = (body.side, place.field, data.data_class)
                if key not in best or best[key].data.confidence < data.confidence:
                    best[key] = DataAt(body.side, place.field, data)
    return (*found, *best.values())


def _newest_versions(found: Iterable[Endpoint]) -> dict[tuple[str, str, str], int]:
    newest: dict[tuple[str, str, str], int] = {}
    for one in found:
        if one.version is not None:
            key = _unversioned(one)
            newest[key] = max(newest.get(key, 0), one.version)
    return newest


def _unversioned(one: Endpoint) -> tuple[str, str, str]:
    return one.api, one.method, re.sub(r"\{[^}]*\}", "{}", _VERSION.sub("/v", one.path, count=1))


def _graded(one: Endpoint, newest: Mapping[tuple[str, str, str], int], is_admin: bool) -> Endpoint:
    findings = list(one.findings)
    if one.version is not None and one.exchanges and one.version < newest[_unversioned(one)]:
        findings.append(OLD_VERSION)
    risk = {finding: WEIGHTS[finding] for finding in findings}
    sure = {at.data.data_class for at in one.data if at.data.confidence >= SURE}
    for part, counts in (
        ("changes_data", one.method in _CHANGING),
        ("takes_an_id", "{" in one.path),
        ("administration", is_admin or re.search(r"/(?:admin|internal|debug|manage|actuator)(?:/|$)", one.path)),
        ("personal_data", sure - SECRET),
        ("secret_data", sure & SECRET),
    ):
        if counts:
            risk[part] = WEIGHTS[part]
    return replace(one, findings=tuple(findings), risk=risk)
