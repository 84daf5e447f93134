"""How long to wait before a process that ended is started again: pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 0.2
"""Wait before the second restart in a row; the first comes at once."""

LONGEST_S = 5.0
"""Longest wait; each further restart doubles the one before."""

STEADY_S = 1.0
"""A process that lived so long had come up: its next restart comes at once. What ends sooner cannot start."""


@dataclass(slots=True)
class Backoff:
    """The restarts of one process."""

    failures: int = 0
    """Restarts in a row of a process that did not live `STEADY_S`."""

    def next_wait(self, lived_s: float) -> float:
        """Seconds to wait, now that the process ended.

        Args:
            lived_s: seconds it had been running.
        """
        if lived_s >= STEADY_S:
            self.failures = 0
        wait = 0.0 if self.failures == 0 else min(FIRST_S * 2.0 ** (self.failures - 1), LONGEST_S)
        self.failures += 1
        return wait
