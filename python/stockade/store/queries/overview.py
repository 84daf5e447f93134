"""How much traffic there is and how it ends: the first page of every console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.archive.columns import DataClass
from stockade.store.queries.query import API, SINCE, UNTIL, Kind, NamedQuery, Parameter, counted, within
from stockade.store.queries.tables import FACTS, NOTICES

_C = FACTS.c
_STEP = Parameter("step", Kind.NUMBER, "Seconds of one bucket.", 60, least=1, most=86_400 * 31)


def _bucket(values: Mapping[str, Any]) -> sa.ColumnElement[int]:
    step: sa.ColumnElement[int] = sa.literal_column(str(values["step"] * 1_000_000))
    return _C.time - _C.time % step


def _traffic(values: Mapping[str, Any]) -> sa.SelectBase:
    bucket = _bucket(values).label("bucket")
    return (
        sa.select(
            bucket,
            sa.func.count().label("exchanges"),
            counted(_C.verdict == "refused").label("refused"),
            counted(_C.verdict == "would_refuse").label("would_refuse"),
            counted(_C.verdict == "failed").label("failed"),
            counted(_C.status >= 500).label("errors"),
        )
        .where(*within(FACTS, values))
        .group_by(bucket)
        .order_by(bucket)
    )


def _by(column: sa.Column[Any], values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(column, sa.func.count().label("exchanges"))
        .where(*within(FACTS, values))
        .group_by(column)
        .order_by(sa.desc("exchanges"), column)
    )


def _latency(values: Mapping[str, Any]) -> sa.SelectBase:
    bucket = _bucket(values).label("bucket")
    return (
        sa.select(
            bucket,
            sa.func.count().label("exchanges"),
            sa.func.percentile_disc(0.5).within_group(_C.total_us).label("p50_us"),
            sa.func.percentile_disc(0.95).within_group(_C.total_us).label("p95_us"),
            sa.func.percentile_disc(0.99).within_group(_C.total_us).label("p99_us"),
            sa.func.max(_C.engine_us).label("engine_max_us"),
        )
        .where(*within(FACTS, values))
        .group_by(bucket)
        .order_by(bucket)
    )


def _notices(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(NOTICES.c.code, sa.func.count().label("notices"), sa.func.max(NOTICES.c.time).label("last_seen"))
        .where(*within(NOTICES, {**values, "api": None}))
        .group_by(NOTICES.c.code)
        .order_by(sa.desc("notices"), NOTICES.c.code)
    )


QUERIES = (
    NamedQuery("traffic", "Exchanges over time, by how they ended.", (SINCE, UNTIL, API, _STEP), _traffic),
    NamedQuery("verdicts", "Exchanges by verdict.", (SINCE, UNTIL, API), lambda values: _by(_C.verdict, values)),
    NamedQuery(
        "statuses", "Exchanges by the caller's status.", (SINCE, UNTIL, API), lambda values: _by(_C.status, values)
    ),
    NamedQuery("latency", "Percentiles of the duration over time.", (SINCE, UNTIL, API, _STEP), _latency),
    NamedQuery("notices", "What gateways told of themselves.", (SINCE, UNTIL), _notices, (DataClass.NOTICES,)),
)
"""Queries of this family."""
