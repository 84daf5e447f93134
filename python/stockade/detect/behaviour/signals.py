"""What detectors tell, and how it adds up: capped log-odds that fade, one sum for each actor and class."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum

HOUR_US = 3_600_000_000

ALERT = 9.0
"""Sum of log-odds at which an alert is raised. One actor in a thousand is taken to be an abuser before anything is
known (log-odds of -7), so that at 9 it is seven to one that this one is."""

WATCH = 5.0
"""Sum at which an actor is worth a look, and at which nothing is learned from it any more."""

RELEASE = 4.0
"""Sum below which an actor is let go of again: well below `ALERT`, so that none goes back and forth."""


class Abuse(StrEnum):
    """Classes of abuse."""

    CREDENTIAL_STUFFING = "credential_stuffing"
    """Passwords or leaked pairs tried."""
    ACCOUNT_TAKEOVER = "account_takeover"
    """Somebody else signs in as a user."""
    TOKEN_REPLAY = "token_replay"  # noqa: S105
    """A token is used from two places."""
    SCRAPING = "scraping"
    """Far more objects fetched than people do."""
    OBJECT_ENUMERATION = "object_enumeration"
    """Objects of others asked for."""
    FUNCTION_PROBING = "function_probing"
    """Functions of other roles called."""
    FLOW_ABUSE = "flow_abuse"
    """What the business gives away, taken by programs."""
    RECONNAISSANCE = "reconnaissance"
    """Looking for what is there."""
    DATA_EGRESS = "data_egress"
    """Far more data taken than usual."""
    RESOURCE_ABUSE = "resource_abuse"
    """Far more work caused than usual."""


HALF_LIFE_US = {
    Abuse.CREDENTIAL_STUFFING: 6 * HOUR_US,
    Abuse.ACCOUNT_TAKEOVER: 12 * HOUR_US,
    Abuse.TOKEN_REPLAY: 6 * HOUR_US,
    Abuse.SCRAPING: 3 * HOUR_US,
    Abuse.OBJECT_ENUMERATION: 24 * HOUR_US,
    Abuse.FUNCTION_PROBING: 12 * HOUR_US,
    Abuse.FLOW_ABUSE: 6 * HOUR_US,
    Abuse.RECONNAISSANCE: HOUR_US,
    Abuse.DATA_EGRESS: 6 * HOUR_US,
    Abuse.RESOURCE_ABUSE: HOUR_US,
}
"""Time in which a sum fades to half."""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one detector tells about one actor."""

    actor: str
    """About whom: `kind:id`."""
    abuse: Abuse
    """Of what."""
    detector: str
    """Who tells."""
    weight: float
    """Log-odds for abuse."""
    cap: float
    """Most that this detector's signals may add up to."""
    sentence: str
    """Why, for people: observed and expected."""
    observed: float
    """The number that was seen."""
    expected: float
    """The most that would have been usual."""
    adds: bool = True
    """Whether it adds to what the detector told before, or takes its place when it is more."""
    sure: float = 1.0
    """How well the detector knows what is usual, 0 to 1."""


@dataclass(slots=True)
class Part:
    """What one detector has added to a sum."""

    weight: float
    """Log-odds now."""
    sentence: str
    """Its newest sentence."""
    observed: float
    """Of it."""
    expected: float
    """Of it."""
    sure: float
    """Of it."""


@dataclass(slots=True)
class Score:
    """The sum for one actor and class."""

    time: int
    """When it was last brought up to date."""
    parts: dict[str, Part] = field(default_factory=dict)
    """By detector."""
    alerted: float = 0.0
    """Sum at which an alert was last raised; 0 when none is."""

    def add(self, signal: Signal, time: int) -> float:
        """Take a signal in; the sum after it."""
        self.fade(signal.abuse, time)
        part = self.parts.get(signal.detector)
        weight = signal.weight * signal.sure
        if part is None:
            part = Part(0.0, signal.sentence, signal.observed, signal.expected, signal.sure)
            self.parts[signal.detector] = part
        grown = min(signal.cap, part.weight + weight if signal.adds else max(part.weight, weight))
        if grown >= part.weight:
            part.sentence, part.sure = signal.sentence, signal.sure
            part.observed, part.expected = signal.observed, signal.expected
        part.weight = grown
        return self.sum()

    def sum(self) -> float:
        """Log-odds now."""
        return sum(part.weight for part in self.parts.values())

    def fade(self, abuse: Abuse, time: int) -> float:
        """Bring it up to a moment; the sum then."""
        passed = time - self.time
        if passed > 0:
            factor = math.exp2(-passed / HALF_LIFE_US[abuse])
            for part in self.parts.values():
                part.weight *= factor
            self.time = time
        return self.sum()

    def reasons(self) -> list[tuple[str, Part]]:
        """Its parts by detector, the heaviest first, as they are now."""
        heaviest = sorted(self.parts.items(), key=lambda item: -item[1].weight)
        return [(name, replace(part)) for name, part in heaviest]
