"""When each key was last shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.queries.query import SINCE, UNTIL, NamedQuery, within
from stockade.store.queries.tables import FACTS

_C = FACTS.c

MOST = 100_000
"""Keys that are told."""


def _uses(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(_C.key.label("key"), sa.func.count().label("exchanges"), sa.func.max(_C.time).label("last_seen"))
        .where(_C.key.is_not(None), *within(FACTS, values))
        .group_by(_C.key)
        .order_by(sa.desc("last_seen"))
        .limit(MOST)
    )


KEY_USES = NamedQuery("key_uses", "How often and when each key was last shown.", (SINCE, UNTIL), _uses)
"""One row for each key."""

QUERIES = (KEY_USES,)
"""Queries of this family."""
