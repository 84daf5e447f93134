"""Drift: when many actors change at once, the API or its clients changed, and nobody is to blame.

While a share of the actors at an operation is above what abuse reaches, signals about it are put aside, and what is new
is learned until it is usual.
"""

from __future__ import annotations

from stockade.detect.behaviour.actors import Actors
from stockade.detect.behaviour.observation import Observation
from stockade.detect.behaviour.signals import HOUR_US, Abuse, Signal

WINDOW_US = HOUR_US
"""Time looked at."""

SHARE = 0.35
"""Share of an operation's actors with signals from which on it is drift."""

LEAST = 10
"""Actors with signals that it takes at least."""

SPARED = frozenset({Abuse.CREDENTIAL_STUFFING, Abuse.RECONNAISSANCE, Abuse.TOKEN_REPLAY, Abuse.ACCOUNT_TAKEOVER})
"""Classes that are about strangers, where many at once are an attack and no drift."""


FEW = 1
"""Objects of others that one actor may come to while many do, before it counts."""


class Drift:
    """Actors and signals of each operation lately, as bits of 256."""

    def __init__(self) -> None:
        self.window = 0
        self.seen: dict[str, list[int]] = {}
        self.frozen: dict[str, int] = {}

    def see(self, time: int, operation: str, number: int, signalled: bool) -> None:
        """An actor was at an operation, with signals or without."""
        window = time // WINDOW_US
        if window != self.window:
            self.window = window
            self.seen.clear()
        both = self.seen.get(operation)
        if both is None:
            if len(self.seen) > 2000:
                return
            both = self.seen[operation] = [0, 0]
        bit = 1 << (number % 256)
        both[0] |= bit
        if signalled and not both[1] & bit:
            both[1] |= bit
            signals = both[1].bit_count()
            if signals >= LEAST and signals >= SHARE * both[0].bit_count():
                self.frozen[operation] = time + WINDOW_US

    def is_frozen(self, signal: Signal, seen: Observation, actors: Actors) -> bool:
        """Whether a signal is put aside. What is said of actors with alerts already counts all the same."""
        until = self.frozen.get(seen.operation)
        if until is None or signal.abuse in SPARED or (signal.detector == "objects.foreign" and signal.observed > FEW):
            return False
        if seen.time >= until:
            del self.frozen[seen.operation]
            return False
        actor = actors.get(signal.actor)
        scores = actor.scores if actor else None
        return not (scores and any(score.alerted for score in scores.values()))
