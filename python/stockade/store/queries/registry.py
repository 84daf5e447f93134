"""The list of all named queries."""

from __future__ import annotations

from collections.abc import Mapping

from stockade.core.errors import StockadeError
from stockade.store.queries import focus, inventory, key_uses, overview, peaks, pivot, rankings, search
from stockade.store.queries.query import NamedQuery

QUERIES: Mapping[str, NamedQuery] = {
    query.name: query
    for family in (overview, rankings, peaks, search, pivot, inventory, focus, key_uses)
    for query in family.QUERIES
}
"""By name."""


def named(name: str) -> NamedQuery:
    """The query with a name.

    Raises:
        StockadeError: there is none.
    """
    query = QUERIES.get(name)
    if query is None:
        raise StockadeError("query.unknown", f"expected one of {', '.join(QUERIES)}, got `{name[:40]}`", None)
    return query
