"""The same questions about a few exchanges that others ask about all: one actor, one operation, one search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.queries.query import API, SINCE, UNTIL, Kind, NamedQuery, Parameter, counted, limit, within
from stockade.store.queries.search import FIELDS, conditions
from stockade.store.queries.tables import FACTS

_C = FACTS.c
_BAD = _C.verdict.in_(["refused", "would_refuse"])
_STEP = Parameter("step", Kind.NUMBER, "Seconds of one bucket.", 60, least=1, most=86_400 * 31)
_HOUR = 3_600_000_000

# Evidence is not opened for these: a search for text in it goes without them.
_FIELDS = tuple(field for field in FIELDS if field.name != "text")


def _bucket(step_us: int) -> sa.ColumnElement[int]:
    step: sa.ColumnElement[int] = sa.literal_column(str(step_us))
    return _C.time - _C.time % step


def _traffic(values: Mapping[str, Any]) -> sa.SelectBase:
    bucket = _bucket(values["step"] * 1_000_000).label("bucket")
    return (
        sa.select(
            bucket,
            sa.func.count().label("exchanges"),
            counted(_C.verdict == "refused").label("refused"),
            counted(_C.verdict == "would_refuse").label("would_refuse"),
            counted(_C.verdict == "failed").label("failed"),
            counted(_C.status >= 500).label("errors"),
        )
        .where(*conditions(values))
        .group_by(bucket)
        .order_by(bucket)
    )


def _latency(values: Mapping[str, Any]) -> sa.SelectBase:
    bucket = _bucket(values["step"] * 1_000_000).label("bucket")
    return (
        sa.select(
            bucket,
            sa.func.count().label("exchanges"),
            sa.func.percentile_disc(0.5).within_group(_C.total_us).label("p50_us"),
            sa.func.percentile_disc(0.95).within_group(_C.total_us).label("p95_us"),
            sa.func.percentile_disc(0.99).within_group(_C.total_us).label("p99_us"),
        )
        .where(*conditions(values))
        .group_by(bucket)
        .order_by(bucket)
    )


def _totals(values: Mapping[str, Any]) -> sa.SelectBase:
    return sa.select(
        sa.func.count().label("exchanges"),
        counted(_C.verdict == "refused").label("refused"),
        counted(_C.verdict == "would_refuse").label("would_refuse"),
        counted(_C.verdict == "failed").label("failed"),
        counted(_C.status >= 500).label("errors"),
        sa.func.percentile_disc(0.95).within_group(_C.total_us).label("p95_us"),
        sa.func.count(sa.distinct(_C.actor)).label("actors"),
        sa.func.min(_C.time).label("first_seen"),
        sa.func.max(_C.time).label("last_seen"),
    ).where(*conditions(values))


def _actors(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.actor,
            sa.func.count().label("exchanges"),
            counted(_BAD).label("refused"),
            counted(_C.status >= 400).label("unsuccessful"),
            sa.func.max(_C.time).label("last_seen"),
        )
        .where(*conditions(values))
        .group_by(_C.actor)
        .order_by(sa.desc("refused"), sa.desc("exchanges"), _C.actor)
        .limit(values["limit"])
    )


def _touches(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.actor,
            _C.api,
            _C.operation,
            _C.path,
            sa.func.count().label("exchanges"),
            counted(_BAD).label("refused"),
        )
        .where(*conditions(values))
        .group_by(_C.actor, _C.api, _C.operation, _C.path)
        .order_by(sa.desc("refused"), sa.desc("exchanges"), _C.actor, _C.path)
        .limit(values["limit"])
    )


def _hours(values: Mapping[str, Any]) -> sa.SelectBase:
    bucket = _bucket(_HOUR).label("bucket")
    return (
        sa.select(_C.api, _C.operation, bucket, sa.func.count().label("exchanges"))
        .where(*within(FACTS, values))
        .group_by(_C.api, _C.operation, bucket)
        .order_by(sa.desc("exchanges"), _C.api, _C.operation, bucket)
        .limit(values["limit"])
    )


QUERIES = (
    NamedQuery("traffic_of", "Exchanges that fit, over time.", (*_FIELDS, _STEP), _traffic),
    NamedQuery("latency_of", "How long exchanges that fit took, over time.", (*_FIELDS, _STEP), _latency),
    NamedQuery("totals", "Exchanges that fit, counted in one row.", _FIELDS, _totals),
    NamedQuery("actors_of", "Who is behind exchanges that fit.", (*_FIELDS, limit(20)), _actors),
    NamedQuery("touches", "Which actor called which operation on which path.", (*_FIELDS, limit(200)), _touches),
    NamedQuery("operation_hours", "Calls of operations by the hour.", (SINCE, UNTIL, API, limit(5000)), _hours),
)
"""Queries of this family."""
