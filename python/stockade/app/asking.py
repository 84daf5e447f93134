"""From a value to all that it touches, and named queries for whoever asks them by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError
from stockade.store.archive.key import read_key
from stockade.store.folder import DataFolder
from stockade.store.queries.database import EventDatabase
from stockade.store.queries.pivot import SIDES
from stockade.store.queries.registry import QUERIES


@dataclass(frozen=True, slots=True)
class Pivot:
    """What a value touches."""

    value: str
    """The value."""
    exchanges: int
    """Exchanges that it stands in."""
    refused: int
    """Those of them that were refused, or would have been."""
    first_seen: int | None
    """Time of the oldest, microseconds since the epoch."""
    last_seen: int | None
    """Time of the newest."""
    roles: Mapping[str, int]
    """As what it stands, with how often."""
    sides: Mapping[str, list[dict[str, Any]]]
    """What stands beside it: values with `exchanges`, `refused` and `last_seen`."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "value": self.value,
            "exchanges": self.exchanges,
            "refused": self.refused,
            "first_seen": self.first_seen,
            "last_seen": self.last_seen,
            "roles": dict(self.roles),
            "sides": dict(self.sides),
        }


def database(data: Path) -> EventDatabase:
    """The events of a data folder, for named queries.

    Raises:
        StockadeError: there is no such data folder, or its key cannot be read.
    """
    if not data.is_dir():
        raise StockadeError(
            "events.no_data",
            f"expected a data folder at `{data}`, found none",
            "name the folder of a running Stockade with `--data`, or start one with `stockade run`",
        )
    folder = DataFolder(data)
    return EventDatabase(folder.events, folder.spool, read_key(folder.events_key))


def pivot(events: EventDatabase, value: str, since: int | None, until: int | None, limit: int) -> Pivot:
    """All that a value touches.

    Args:
        events: where to look.
        value: any value: an actor, an address, an object's id, a path, a key, a reason, an id of an exchange.
        since: oldest time, microseconds since the epoch.
        until: newest time.
        limit: values of each side at most.

    Raises:
        StockadeError: the value is too long, or it would read too much.
    """
    given: dict[str, Any] = {"value": value, "since": since, "until": until}
    span = events.ask("pivot_span", given).dicts()[0]
    roles: dict[str, int] = {}
    sides: dict[str, list[dict[str, Any]]] = {}
    if span["exchanges"]:
        roles = {role: count for role, count in events.ask("pivot_roles", given).dicts()[0].items() if count}
        for side in SIDES:
            found = events.ask("pivot", {**given, "side": side, "limit": limit}).dicts()
            if found:
                sides[side] = found
    return Pivot(value, span["exchanges"], span["refused"], span["first_seen"], span["last_seen"], roles, sides)


def catalogue() -> list[dict[str, Any]]:
    """Every named query with its parameters."""
    return [
        {
            "name": query.name,
            "title": query.title,
            "parameters": [
                {
                    "name": parameter.name,
                    "kind": str(parameter.kind),
                    "about": parameter.about,
                    "default": parameter.default,
                    "required": parameter.required,
                    "choices": list(parameter.choices),
                }
                for parameter in query.parameters
            ],
        }
        for query in QUERIES.values()
    ]
