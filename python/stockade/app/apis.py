"""Summaries of the APIs in force, read from the bundle itself: they can be shown while control is down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stockade.app.errors import StockadeError
from stockade.app.plans import plan_in_force
from stockade.store.folder import DataFolder


@dataclass(frozen=True, slots=True)
class ApiSummary:
    """What an operator needs to know of one API."""

    name: str
    """Name in config."""
    mode: str
    """`enforce` or `monitor`."""
    hosts: tuple[str, ...]
    """Hosts it answers for."""
    base_path: str
    """Path that its operations begin with."""
    upstream: tuple[str, ...]
    """Where its requests go."""
    operations: int
    """Operations of its contract; 0 when it has none."""
    identity: tuple[str, ...]
    """Names of the methods that prove who is calling."""
    limits: tuple[str, ...]
    """Names of its limits."""

    def to_json(self) -> dict[str, Any]:
        """The summary as a JSON object."""
        return asdict(self)


def summaries(plan: Mapping[str, Any]) -> list[ApiSummary]:
    """The APIs of a plan, in its order."""
    return [
        ApiSummary(
            name=api["name"],
            mode=api["mode"],
            hosts=tuple(api["hosts"]),
            base_path=api["base_path"],
            upstream=tuple(target["url"] for target in api["upstream"]["targets"]),
            operations=len(api["operations"]),
            identity=tuple(method["name"] for method in api["identity"]["methods"]),
            limits=tuple(limit["name"] for limit in api["limits"]),
        )
        for api in plan["apis"]
    ]


def in_force(data: Path) -> list[ApiSummary]:
    """The APIs of the bundle in force in a data folder.

    Raises:
        StockadeError: there is no bundle in it.
    """
    return summaries(plan_in_force(DataFolder(data)))


def seclang_rules(data: Path) -> list[dict[str, Any]]:
    """The SecLang rules of the APIs in force, with the API of each; empty when there is no bundle."""
    try:
        plan = plan_in_force(DataFolder(data))
    except StockadeError:
        return []
    found = []
    for api in plan["apis"]:
        rules = api.get("seclang") or {}
        for phase, listed in enumerate(rules.get("phases", ()), 1):
            for rule in listed:
                message = "".join(part if isinstance(part, str) else "…" for part in rule.get("msg", ()))
                place = f"{rules['files'][rule['file']]}:{rule['line']}"
                tags = [rules["tags"][tag] for tag in rule["tags"]]
                found.append(
                    {
                        "api": api["name"],
                        "id": rule["id"],
                        "phase": phase,
                        "message": message,
                        "place": place,
                        "tags": tags,
                    }
                )
    return found
