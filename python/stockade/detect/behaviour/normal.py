"""What people said is normal: signals that are no abuse here, for whom, and until when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stockade.detect.behaviour.observation import Observation
from stockade.detect.behaviour.signals import Signal


@dataclass(frozen=True, slots=True)
class Normal:
    """One correction. What is empty fits everything; not all may be empty."""

    id: str
    """Id."""
    expires_at: int
    """When it ends, microseconds since the epoch."""
    reason: str
    """Why, for people."""
    actor: str = ""
    """For this actor."""
    role: str = ""
    """For this role."""
    abuse: str = ""
    """For this class."""
    operation: str = ""
    """For this operation."""

    def covers(self, signal: Signal, seen: Observation) -> bool:
        """Whether a signal is normal by this."""
        return (
            seen.time < self.expires_at
            and (not self.actor or self.actor == signal.actor)
            and (not self.role or self.role == seen.role)
            and (not self.abuse or self.abuse == signal.abuse)
            and (not self.operation or seen.operation in (self.operation, f"{seen.api} {self.operation}"))
        )

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "id": self.id,
            "expires_at": self.expires_at,
            "reason": self.reason,
            "actor": self.actor,
            "role": self.role,
            "abuse": self.abuse,
            "operation": self.operation,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Normal:
        """Read what `to_json` wrote.

        Raises:
            KeyError: a field is missing.
        """
        return cls(
            str(told["id"]),
            int(told["expires_at"]),
            str(told["reason"]),
            *(str(told.get(name) or "") for name in ("actor", "role", "abuse", "operation")),
        )
