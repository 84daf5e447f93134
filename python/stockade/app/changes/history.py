"""Versions of the policy: what the config file said, who made it so, and why. Texts are sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stockade.app.accounts.sealed_column import SealedColumn
from stockade.core.errors import StockadeError
from stockade.store.control.database import ControlDatabase
from stockade.store.control.tables import VERSIONS

KEPT = 1000
"""Versions kept of one data folder."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version, without its text."""

    version: int
    """Version of the bundle."""
    time: int
    """When it was made, microseconds since the epoch."""
    by: str
    """Who made it; `the config file` when it was not made here."""
    why: str
    """Why, in their words."""
    has_source: bool
    """Whether its text is known."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "version": self.version,
            "time": self.time,
            "by": self.by,
            "why": self.why,
            "has_source": self.has_source,
        }


class History:
    """The versions of one data folder.

    Args:
        database: control data.
        sources: seals texts.
        place: name of the data folder.
    """

    def __init__(self, database: ControlDatabase, sources: SealedColumn, place: str) -> None:
        self._database = database
        self._sources = sources
        self._place = place[-500:]

    def all(self, limit: int = 100) -> list[Version]:
        """The newest versions, newest first."""
        wanted = sa.select(VERSIONS).where(VERSIONS.c.place == self._place).order_by(VERSIONS.c.version.desc())
        with self._database.read() as connection:
            return [_version(row) for row in connection.execute(wanted.limit(limit))]

    def source(self, version: int) -> str:
        """What the config file said.

        Raises:
            StockadeError: `policy.version` when that is not known.
        """
        wanted = sa.select(VERSIONS.c.source).where(VERSIONS.c.place == self._place, VERSIONS.c.version == version)
        with self._database.read() as connection:
            found = connection.scalar(wanted)
        if found is None:
            raise StockadeError("policy.version", f"no text is kept of version {version}", "`stockade bundles list`")
        return self._sources.open(found, self._row(version))

    def add(self, version: int, now: int, by: str, why: str, source: str | None) -> None:
        """Write a version down, once; very old ones go."""
        sealed = None if source is None else self._sources.seal(source, self._row(version))
        here = VERSIONS.c.place == self._place
        with self._database.change() as connection:
            if connection.scalar(sa.select(VERSIONS.c.version).where(here, VERSIONS.c.version == version)) is not None:
                return
            row = {"place": self._place, "version": version, "time": now, "made_by": by[:100], "why": why[:1000]}
            connection.execute(sa.insert(VERSIONS), {**row, "source": sealed})
            connection.execute(sa.delete(VERSIONS).where(here, VERSIONS.c.version <= version - KEPT))

    def _row(self, version: int) -> str:
        return f"{self._place}\0{version}"


def _version(row: Any) -> Version:
    return Version(row.version, row.time, row.made_by, row.why, row.source is not None)
