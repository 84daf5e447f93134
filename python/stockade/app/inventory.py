"""Every endpoint of the APIs in force: what is declared, what is called, and what of it deserves a look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stockade.app.asking import database
from stockade.app.clock import wall_clock
from stockade.app.plans import plan_in_force
from stockade.prevent.inventory.declared import Declared
from stockade.prevent.inventory.drift import drift
from stockade.prevent.inventory.endpoints import Endpoint, Traffic, endpoints
from stockade.prevent.inventory.observe import Templates, observe
from stockade.store.folder import DataFolder

__all__ = ["Endpoint", "inventory", "to_json"]

RECENT_US = 86_400_000_000
"""What counts as recent when shapes are compared, microseconds."""


def inventory(
    data: Path, since: int | None, until: int | None, api: str | None = None, recent_us: int = RECENT_US
) -> list[Endpoint]:
    """All endpoints, riskiest first.

    Args:
        data: data folder.
        since: oldest time that is looked at, microseconds since the epoch.
        until: newest time.
        api: one API alone, by its name in config.
        recent_us: how long before `until` (now, without one) counts as recent when shapes are compared.

    Raises:
        StockadeError: there is no bundle, or it would read too much.
    """
    declared = _declared(plan_in_force(DataFolder(data)), api)
    events = database(data)
    given: dict[str, Any] = {"since": since, "until": until, "api": api}

    def ask(name: str, **more: Any) -> list[dict[str, Any]]:
        return events.ask(name, {**given, **more}).dicts()

    try:
        undeclared = ask("undeclared")
        templates = Templates(declared, undeclared)
        requests = [*ask("seen_requests", declared="yes"), *ask("seen_requests", declared="no")]
        recent = (until if until is not None else wall_clock()) - recent_us
        fields = ask("seen_fields", recent=max(recent, 0))
        traffic = Traffic(
            ask("seen_operations"),
            undeclared,
            ask("seen_identities"),
            ask("seen_callers"),
            observe(templates, requests, fields),
            drift(templates, fields),
        )
    finally:
        events.close()
    return endpoints(declared, templates, traffic)


def _declared(plan: Mapping[str, Any], only: str | None) -> list[Declared]:
    return [
        Declared(
            api["name"],
            operation["id"],
            operation["method"],
            operation["path"],
            tuple(operation["tags"]),
            bool(operation.get("deprecated")),
            operation.get("owner") or api.get("owner"),
            api["base_path"],
        )
        for api in plan["apis"]
        if only is None or api["name"] == only
        for operation in api["operations"]
    ]


def to_json(endpoint: Endpoint) -> dict[str, Any]:
    """The JSON form of an endpoint."""
    return {**asdict(endpoint), "grade": endpoint.grade}
