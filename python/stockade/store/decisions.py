"""Active decisions on disk: one whole snapshot, which the gateway reads by itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stockade.model.decision import Decision
from stockade.store.folder import read_json, write_json


class DecisionStore:
    """The snapshot of all decisions that may still be active.

    Args:
        file: `decisions.json` in the data folder.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def load(self) -> list[Decision]:
        """Read the snapshot, oldest expiry first; entries that cannot be read are left out."""
        found = read_json(self._file) or {}
        decisions = []
        for entry in found.get("decisions") or ():
            try:
                decisions.append(Decision.from_json(entry))
            except (KeyError, TypeError, ValueError):
                continue
        return sorted(decisions, key=lambda decision: decision.expires_at)

    def save(self, decisions: Iterable[Decision]) -> None:
        """Replace the snapshot; a reader sees the old one or the new one, never a part.

        Raises:
            OSError: the data folder cannot be written.
        """
        write_json(self._file, {"decisions": [decision.to_json() for decision in decisions]})
