"""Decisions: what control asks every gateway to do to some actor, until a moment.

The same shape as `crates/model/src/decision.rs`; the core enforces and expires them by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class DecisionAction(StrEnum):
    """What is done to the requests that a decision selects."""

    BLOCK = "block"
    """Refuse with 403."""
    CHALLENGE = "challenge"
    """Have the caller prove itself: browsers by a page that costs them work, programs by a new credential (401)."""
    LIMIT = "limit"
    """Admit some a minute, together, and refuse the others with 429."""
    SLOW_DOWN = "slow_down"
    """Let wait, then pass."""
    WATCH = "watch"
    """Pass, and note it in the event."""
    ALLOW = "allow"
    """Let pass whatever other decisions say; the stages still run."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. It ends at `expires_at` whether or not control is there."""

    id: str
    """Stable id, chosen by control."""
    selector: Mapping[str, str]
    """Which requests: every attribute named must be equal. Keys: `address` (a CIDR range), `subject`, `client`,
    `key`, `session`, `token` (its `jti` or SHA-256), `method`, `operation`, `api`, `header:NAME`."""
    action: DecisionAction
    """What to do."""
    reason: str
    """Why, for people; shown in the event."""
    expires_at: int
    """When it ends, microseconds since the epoch."""
    rate: int | None = None
    """Of `limit`: requests a minute; 30 when None."""
    delay_ms: int | None = None
    """Of `slow_down`: milliseconds, at most 10,000; 2,000 when None."""

    def to_json(self) -> dict[str, Any]:
        """The decision as it stands in `decisions.json`."""
        told: dict[str, Any] = {
            "id": self.id,
            "selector": dict(self.selector),
            "action": self.action.value,
            "reason": self.reason,
            "expires_at": self.expires_at,
        }
        if self.rate is not None:
            told["rate"] = self.rate
        if self.delay_ms is not None:
            told["delay_ms"] = self.delay_ms
        return told

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Decision":
        """Read what `to_json` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: the action is not known.
        """
        return cls(
            id=str(value["id"]),
            selector={str(key): str(item) for key, item in dict(value["selector"]).items()},
            action=DecisionAction(value["action"]),
            reason=str(value["reason"]),
            expires_at=int(value["expires_at"]),
            rate=value.get("rate"),
            delay_ms=value.get("delay_ms"),
        )
