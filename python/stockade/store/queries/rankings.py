"""Who and what stands out: actors, addresses, operations, reasons, detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.archive.columns import PARTS
from stockade.store.queries.query import API, SINCE, UNTIL, NamedQuery, counted, limit, within
from stockade.store.queries.tables import FACTS

_C = FACTS.c
_BAD = _C.verdict.in_(["refused", "would_refuse"])


def _actors(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.actor,
            sa.func.count().label("exchanges"),
            counted(_BAD).label("refused"),
            counted(_C.status >= 400).label("unsuccessful"),
            sa.func.min(_C.time).label("first_seen"),
            sa.func.max(_C.time).label("last_seen"),
        )
        .where(*within(FACTS, values))
        .group_by(_C.actor)
        .order_by(sa.desc("refused"), sa.desc("exchanges"), _C.actor)
        .limit(values["limit"])
    )


def _addresses(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.address,
            sa.func.count().label("exchanges"),
            counted(_BAD).label("refused"),
            sa.func.count(sa.distinct(_C.actor)).label("actors"),
        )
        .where(*within(FACTS, values))
        .group_by(_C.address)
        .order_by(sa.desc("refused"), sa.desc("exchanges"), _C.address)
        .limit(values["limit"])
    )


def _operations(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.api,
            _C.operation,
            sa.func.count().label("exchanges"),
            counted(_BAD).label("refused"),
            counted(_C.status >= 500).label("errors"),
            counted(_C.subject.is_(None)).label("unauthenticated"),
            sa.cast(sa.func.sum(_C.total_us), sa.BigInteger).label("total_us"),
            sa.func.max(_C.total_us).label("slowest_us"),
            sa.cast(sa.func.sum(_C.response_bytes), sa.BigInteger).label("response_bytes"),
        )
        .where(*within(FACTS, values))
        .group_by(_C.api, _C.operation)
        .order_by(sa.desc("exchanges"), _C.api, _C.operation)
        .limit(values["limit"])
    )


def _slowest(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(
            _C.api,
            _C.operation,
            sa.func.count().label("exchanges"),
            sa.func.percentile_disc(0.5).within_group(_C.total_us).label("p50_us"),
            sa.func.percentile_disc(0.95).within_group(_C.total_us).label("p95_us"),
        )
        .where(*within(FACTS, values))
        .group_by(_C.api, _C.operation)
        .order_by(sa.desc("p95_us"), _C.api, _C.operation)
        .limit(values["limit"])
    )


def _parts(column: sa.Column[str], label: str, values: Mapping[str, Any]) -> sa.SelectBase:
    each = (
        sa.select(sa.func.unnest(sa.func.string_to_array(column, PARTS)).label(label), _C.actor, _C.time)
        .where(column.is_not(None), *within(FACTS, values))
        .subquery()
    )
    return (
        sa.select(
            each.c[label],
            sa.func.count().label("exchanges"),
            sa.func.count(sa.distinct(each.c.actor)).label("actors"),
            sa.func.max(each.c.time).label("last_seen"),
        )
        .group_by(each.c[label])
        .order_by(sa.desc("exchanges"), each.c[label])
        .limit(values["limit"])
    )


_USUAL = (SINCE, UNTIL, API, limit(20))

QUERIES = (
    NamedQuery("top_actors", "Actors, those with most refusals first.", _USUAL, _actors),
    NamedQuery("top_addresses", "Addresses and how many actors use each.", _USUAL, _addresses),
    NamedQuery("top_operations", "Operations by traffic, errors and bytes.", _USUAL, _operations),
    NamedQuery("slowest_operations", "Operations by their slow end.", _USUAL, _slowest),
    NamedQuery(
        "top_reasons", "Why exchanges were refused.", _USUAL, lambda values: _parts(_C.reasons, "reason", values)
    ),
    NamedQuery(
        "top_detectors", "What detectors found.", _USUAL, lambda values: _parts(_C.detectors, "detector", values)
    ),
)
"""Queries of this family."""
