"""What was seen of each API: its operations, and successful requests for what is not declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.queries.query import API, SINCE, UNTIL, NamedQuery, counted, limit, within
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


_USUAL = (SINCE, UNTIL, API, limit(10_000))

QUERIES = (
    NamedQuery("seen_operations", "Declared operations that were called.", _USUAL, _operations),
    NamedQuery("undeclared", "Successful requests for what is not declared.", _USUAL, _undeclared),
)
"""Queries of this family."""
