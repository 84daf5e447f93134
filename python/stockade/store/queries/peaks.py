"""How much callers ask in their minutes: what limits are proposed from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.queries.query import API, SINCE, UNTIL, Kind, NamedQuery, Parameter, limit, within
from stockade.store.queries.tables import FACTS

_C = FACTS.c
_MINUTE_US = 60_000_000
_COUNT = Parameter("count", Kind.TEXT, "What is counted.", "requests", choices=("requests", "failures"))
_EACH = Parameter("each", Kind.TEXT, "Whether operations are told apart.", "api", choices=("api", "operation"))


def _caller(values: Mapping[str, Any]) -> sa.ColumnElement[str]:
    """Who asks: those who fail to prove who they are have only an address."""
    return (_C.address if values["count"] == "failures" else _C.actor).label("caller")


def _minutes(values: Mapping[str, Any], each: bool) -> sa.Subquery:
    minute: sa.ColumnElement[int] = (_C.time - _C.time % sa.literal_column(str(_MINUTE_US))).label("minute")
    operation = _C.operation if each else sa.cast(sa.null(), sa.Text).label("operation")
    counted = (
        _C.status.in_([401, 403])
        if values["count"] == "failures"
        else sa.and_(_C.verdict == "allowed", _C.status < 400)
    )
    keys = [_C.api, _caller(values), minute, *([_C.operation] if each else [])]
    return (
        sa.select(_C.api, operation, _caller(values), minute, sa.func.count().label("asked"))
        .where(_C.api.is_not(None), counted, *within(FACTS, values))
        .group_by(*keys)
        .subquery()
    )


def _busy_minutes(values: Mapping[str, Any]) -> sa.SelectBase:
    each = _minutes(values, values["each"] == "operation").c
    peak = sa.func.max(each.asked).over(partition_by=[each.api, each.operation, each.caller]).label("peak")
    marked = sa.select(each.api, each.operation, each.caller, each.asked, peak).subquery().c
    return (
        sa.select(
            marked.api,
            marked.operation,
            marked.asked,
            sa.func.count().label("minutes"),
            sa.func.count(sa.distinct(sa.case((marked.asked == marked.peak, marked.caller)))).label("callers"),
        )
        .group_by(marked.api, marked.operation, marked.asked)
        .order_by(marked.api, marked.operation.nulls_first(), marked.asked)
    )


def _busiest_callers(values: Mapping[str, Any]) -> sa.SelectBase:
    each = _minutes(values, False).c
    return (
        sa.select(
            each.api,
            each.caller,
            sa.func.max(each.asked).label("peak"),
            sa.cast(sa.func.sum(each.asked), sa.BigInteger).label("asked"),
        )
        .group_by(each.api, each.caller)
        .order_by(sa.desc("peak"), each.api, each.caller)
        .limit(values["limit"])
    )


QUERIES = (
    NamedQuery(
        "busy_minutes",
        "Minutes of callers by how much each asked in them.",
        (SINCE, UNTIL, API, _COUNT, _EACH),
        _busy_minutes,
    ),
    NamedQuery(
        "busiest_callers",
        "Callers by their busiest minute.",
        (SINCE, UNTIL, API, _COUNT, limit(20)),
        _busiest_callers,
    ),
)
"""Queries of this family."""
