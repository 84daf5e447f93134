"""Every endpoint of the APIs in force: what is declared, what is called, and what of it deserves a look."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from stockade.app.asking import database
from stockade.app.plans import plan_in_force
from stockade.prevent.inventory.endpoints import Declared, Endpoint, endpoints
from stockade.store.folder import DataFolder


def inventory(data: Path, since: int | None, until: int | None) -> list[Endpoint]:
    """All endpoints, riskiest first.

    Args:
        data: data folder.
        since: oldest time that is looked at, microseconds since the epoch.
        until: newest time.

    Raises:
        StockadeError: there is no bundle, or it would read too much.
    """
    plan = plan_in_force(DataFolder(data))
    events = database(data)
    given = {"since": since, "until": until}
    declared = [
        Declared(
            api["name"],
            operation["id"],
            operation["method"],
            operation["path"],
            tuple(operation["tags"]),
            bool(operation.get("deprecated")),
        )
        for api in plan["apis"]
        for operation in api["operations"]
    ]
    seen = events.ask("seen_operations", given).dicts()
    undeclared = events.ask("undeclared", given).dicts()
    return endpoints(declared, seen, undeclared)


def to_json(endpoint: Endpoint) -> dict[str, Any]:
    """The JSON form of an endpoint."""
    return {**asdict(endpoint), "grade": endpoint.grade}
