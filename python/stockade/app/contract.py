"""Contracts as an operator works with them: compared with each other, and proposed from traffic."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from stockade.app.errors import ConfigProblemsError
from stockade.prevent.inventory import openapi
from stockade.prevent.inventory.openapi.changes import Change, changes

__all__ = ["Change", "compared", "to_json"]


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
