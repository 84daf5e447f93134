"""What was seen of each API: its operations, and successful requests for what is not declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.queries.query import API, SINCE, UNTIL, Kind, NamedQuery, Parameter, counted, limit, within
from stockade.store.queries.tables import FACTS

_C = FACTS.c
_SUCCESS = _C.status.between(200, 399)


def _operations(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.api,
            _C.operation,
            sa.func.count().label("exchanges"),
            counted(_SUCCESS).label("successful"),
            counted(sa.and_(_SUCCESS, _C.subject.is_(None))).label("unauthenticated"),
            sa.func.count(sa.distinct(_C.actor)).label("actors"),
            sa.func.min(_C.time).label("first_seen"),
            sa.func.max(_C.time).label("last_seen"),
        )
        .where(_C.operation.is_not(None), *within(FACTS, values))
        .group_by(_C.api, _C.operation)
        .order_by(_C.api, _C.operation)
        .limit(values["limit"])
    )


def _undeclared(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.api,
            _C.method,
            _C.path,
            sa.func.count().label("exchanges"),
            counted(_C.subject.is_(None)).label("unauthenticated"),
            sa.func.min(_C.time).label("first_seen"),
            sa.func.max(_C.time).label("last_seen"),
        )
        .where(_C.api.is_not(None), _C.operation.is_(None), _SUCCESS, *within(FACTS, values))
        .group_by(_C.api, _C.method, _C.path)
        .order_by(sa.desc("exchanges"), _C.api, _C.method, _C.path)
        .limit(values["limit"])
    )


def _fields(values: Mapping[str, Any]) -> sa.SelectBase:
    recent = values["recent"] if values["recent"] is not None else 0
    rows = (
        sa.select(
            _C.api,
            _C.operation,
            _C.method,
            # Of what is declared the template is known.
            sa.case((_C.operation.is_(None), _C.path)).label("path"),
            _C.status,
            _C.request_type,
            _C.response_type,
            _C.request_fields,
            _C.response_fields,
            sa.case((_C.time >= recent, sa.literal_column("1")), else_=sa.literal_column("0")).label("recent"),
        )
        .where(
            _C.api.is_not(None),
            sa.or_(_C.request_fields.is_not(None), _C.response_fields.is_not(None)),
            *within(FACTS, values),
        )
        .subquery()
    )
    return (
        sa.select(*rows.c, sa.func.count().label("samples"))
        .group_by(*rows.c)
        .order_by(sa.desc("samples"), *rows.c)
        .limit(values["limit"])
    )


def _requests(values: Mapping[str, Any]) -> sa.SelectBase:
    known = _C.operation.is_not(None) if values["declared"] == "yes" else _C.operation.is_(None)
    return (
        sa.select(
            _C.api, _C.operation, _C.method, _C.path, _C.query, _C.status, _C.request_type, _C.response_type, _C.time
        )
        .where(_C.api.is_not(None), known, _SUCCESS, *within(FACTS, values))
        .order_by(_C.time.desc(), _C.epoch.desc(), _C.seq.desc())
        .limit(values["limit"])
    )


def _identities(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(_C.api, _C.operation, _C.identity_method, sa.func.count().label("exchanges"))
        .where(_C.api.is_not(None), _SUCCESS, *within(FACTS, values))
        .group_by(_C.api, _C.operation, _C.identity_method)
        .order_by(_C.api, _C.operation, _C.identity_method)
        .limit(values["limit"])
    )


def _callers(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(_C.api, _C.operation, _C.actor, sa.func.count().label("exchanges"))
        .where(_C.api.is_not(None), _C.operation.is_not(None), _SUCCESS, *within(FACTS, values))
        .group_by(_C.api, _C.operation, _C.actor)
        .order_by(sa.desc("exchanges"), _C.api, _C.operation, _C.actor)
        .limit(values["limit"])
    )


_RECENT = Parameter("recent", Kind.TIME, "Time from which samples count as recent.")
_DECLARED = Parameter("declared", Kind.TEXT, "Whether the contract has them.", "yes", choices=("yes", "no"))

_USUAL = (SINCE, UNTIL, API, limit(10_000))

QUERIES = (
    NamedQuery("seen_operations", "Declared operations that were called.", _USUAL, _operations),
    NamedQuery("seen_fields", "Fields of bodies, without values, of sampled exchanges.", (*_USUAL, _RECENT), _fields),
    NamedQuery("seen_requests", "The newest successful requests.", (*_USUAL, _DECLARED), _requests, newest_first=True),
    NamedQuery("seen_identities", "How callers of each operation proved who they are.", _USUAL, _identities),
    NamedQuery("seen_callers", "Who calls each operation, busiest first.", _USUAL, _callers),
    NamedQuery("undeclared", "Successful requests for what is not declared.", _USUAL, _undeclared),
)
"""Queries of this family."""
