"""Whether the config on disk is the one in force."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PolicyStatus:
    """Whether the config on disk is the one in force."""

    ok: bool
    """Whether it was valid and the gateway took it."""
    bundle: int
    """Version of the newest bundle that was good."""
    changed_at: int
    """When that was put in force, microseconds since the epoch."""
    problems: tuple[str, ...] = ()
    """What is wrong with the config on disk; the bundle before it stays in force."""
    news: tuple[str, ...] = ()
    """What changed but needs a restart, such as an address to listen on."""
