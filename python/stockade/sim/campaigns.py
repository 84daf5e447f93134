"""Which campaigns a world has: given by a file, or drawn for each seed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stockade.sim.abuse import automation, logins, objects
from stockade.sim.abuse.campaign import STRENGTHS, Campaign, Run
from stockade.sim.catalogue import read
from stockade.sim.ground import Ground
from stockade.sim.population import DAY_US
from stockade.sim.problem import SimProblemError

CLASSES: Mapping[str, Run] = {
    "credential_stuffing": logins.stuffing,
    "password_spraying": logins.spraying,
    "brute_force": logins.brute_force,
    "account_takeover": logins.takeover,
    "token_replay": objects.replay,
    "scraping": automation.scraping,
    "object_enumeration": objects.enumeration,
    "function_probing": objects.probing,
    "flow_abuse": automation.flow_abuse,
    "reconnaissance": automation.scanning,
    "data_egress": objects.egress,
    "resource_abuse": automation.resources,
    "mixed": automation.mixed,
}
"""What each class of abuse does."""

_KNOWN = {"class", "strength", "variant", "day"}


def load(file: Path) -> list[dict[str, Any]]:
    """Read a file with `campaigns`: a list of `class`, `strength`, `variant`, `day`, and numbers of the class.

    Raises:
        SimProblemError: it cannot be read, or names what is not known.
    """
    told = read(file).get("campaigns")
    if not isinstance(told, list) or not all(isinstance(entry, dict) for entry in told):
        raise SimProblemError(f"{file}: expected `campaigns` to be a list of mappings")
    for place, entry in enumerate(told):
        if entry.get("class") not in CLASSES:
            raise SimProblemError(
                f"{file}: campaign {place}: expected a `class` of {', '.join(CLASSES)}, got `{entry.get('class')}`"
            )
        if entry.get("strength", "medium") not in STRENGTHS:
            raise SimProblemError(f"{file}: campaign {place}: expected `strength` to be one of {', '.join(STRENGTHS)}")
    return told


def every_class(strength: str) -> list[dict[str, Any]]:
    """One campaign of each class, at moments that are drawn."""
    return [{"class": name, "strength": strength} for name in CLASSES]


def planned(ground: Ground, told: list[dict[str, Any]]) -> list[Campaign]:
    """Campaigns of one seed, in order of time."""
    found = []
    for place, entry in enumerate(told):
        name = f"{entry['class']}-{place}"
        chance = ground.chance("planned", name)
        if "day" in entry:
            start = ground.settings.start + int(float(entry["day"]) * DAY_US)
        else:
            start = int(chance.uniform(ground.scored_from, ground.end - 0.2 * (ground.end - ground.scored_from)))
        numbers = {key: value for key, value in entry.items() if key not in _KNOWN}
        found.append(
            Campaign(name, entry["class"], entry.get("strength", "medium"), start, entry.get("variant", ""), numbers)
        )
    return sorted(found, key=lambda campaign: campaign.start)
