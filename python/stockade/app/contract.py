"""Contracts as an operator works with them: compared with each other, and proposed from traffic."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from stockade.app.asking import database
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.plans import plan_in_force
from stockade.prevent.inventory import openapi
from stockade.prevent.inventory.declared import Declared
from stockade.prevent.inventory.observe import Templates, observe
from stockade.prevent.inventory.openapi.changes import Change, changes
from stockade.prevent.inventory.openapi.writer import document
from stockade.store.folder import DataFolder

__all__ = ["Change", "compared", "proposed", "to_json"]


def compared(old: Path, new: Path) -> list[Change]:
    """What changed between two OpenAPI documents, what breaks clients first.

    Args:
        old: the version that clients know.
        new: the version that is to come.

    Raises:
        ConfigProblemsError: one of them cannot be used.
    """
    try:
        before, after = (openapi.read(file, str(file), read_only=True) for file in (old, new))
    except openapi.OpenApiError as error:
        raise ConfigProblemsError(error.problems) from error
    return changes(before, after)


def to_json(change: Change) -> dict[str, Any]:
    """The JSON form of a change."""
    return asdict(change)


def proposed(data: Path, api: str | None, since: int | None) -> dict[str, Any]:
    """An OpenAPI document of what an API was asked and answered, for one that has none or an old one.

    Args:
        data: data folder.
        api: API, by its name in config; the only one when None.
        since: oldest traffic that is looked at, microseconds since the epoch.

    Raises:
        StockadeError: there is no such API, no bundle, or no traffic.
    """
    plan = _api(data, api)
    name, base_path = plan["name"], plan["base_path"]
    declared = [
        Declared(name, one["id"], one["method"], one["path"], base_path=base_path) for one in plan["operations"]
    ]
    events = database(data)
    given: dict[str, Any] = {"since": since, "until": None, "api": name}

    def ask(query: str, **more: Any) -> list[dict[str, Any]]:
        return events.ask(query, {**given, **more}).dicts()

    try:
        templates = Templates(declared, ask("undeclared"))
        requests = [*ask("seen_requests", declared="yes"), *ask("seen_requests", declared="no")]
        seen = observe(templates, requests, ask("seen_fields", recent=0))
    finally:
        events.close()
    found = [operation for operation in seen if operation.api == name]
    if not found:
        raise StockadeError(
            "contract.no_traffic",
            f"expected traffic of API `{name}`, found none",
            "let it run in monitor mode for a while, or look further back with `--since`",
        )
    return document(name, base_path, found)


def _api(data: Path, name: str | None) -> dict[str, Any]:
    apis: list[dict[str, Any]] = plan_in_force(DataFolder(data))["apis"]
    known = ", ".join(f"`{api['name']}`" for api in apis)
    if name is None and len(apis) != 1:
        raise StockadeError("contract.api", f"expected one of the APIs {known}", "name it with `--api`")
    found = next((api for api in apis if name in (None, api["name"])), None)
    if found is None:
        raise StockadeError("contract.api", f"expected one of the APIs {known}, got `{name}`")
    return found
