"""Every actor that is remembered, how much of it, and which of them are one and the same."""

from __future__ import annotations

from array import array
from collections import OrderedDict

from stockade.detect.behaviour.signals import Abuse, Score

MOST = 1_000_000
"""Actors remembered at most; who was seen longest ago is forgotten first."""

METRICS = ("requests", "objects", "bytes", "work", "private")
"""What is counted of each actor in each window: requests, distinct objects, bytes taken, milliseconds of work caused,
and distinct objects of kinds that have owners."""

REQUESTS, OBJECTS, BYTES, WORK, PRIVATE = range(5)


class Actor:
    """One actor. Small: there may be a million of them.

    Distinct things are counted by linear counting in the bits of a number (Whang, Vander-Zanden and Taylor, 1990).
    """

    __slots__ = (
        "bad_paths",
        "denied",
        "first",
        "foreign",
        "guesses",
        "habit",
        "last",
        "last_number",
        "last_operation",
        "links",
        "long",
        "long_at",
        "long_bits",
        "longest",
        "networks",
        "new_functions",
        "prints",
        "repeats",
        "role",
        "run",
        "scores",
        "seen",
        "short",
        "short_at",
        "short_bits",
        "stranger",
        "surprise",
        "used",
    )

    def __init__(self, role: str, time: int) -> None:
        self.role = role
        self.first = self.last = time
        self.seen = 0
        self.short = array("f", [0.0] * 5)
        self.long = array("f", [0.0] * 5)
        self.habit = array("f", [0.0] * 5)
        self.short_at = self.long_at = 0
        self.short_bits = self.long_bits = 0
        self.foreign = self.denied = self.bad_paths = 0
        self.used = 0
        self.new_functions = 0
        self.last_operation = -1
        self.stranger = 0
        self.last_number = self.run = self.longest = 0
        self.surprise = 0.0
        self.networks: array[int] | None = None
        self.prints: array[int] | None = None
        self.guesses: dict[int, list[float]] | None = None
        self.repeats: dict[int, int] | None = None
        self.scores: dict[Abuse, Score] | None = None
        self.links: dict[str, str] | None = None

    def link(self, other: str, reason: str) -> None:
        """Remember that another actor is this one, and why; the first eight."""
        if self.links is None:
            self.links = {}
        if len(self.links) < 8:
            self.links.setdefault(other, reason)

    def sum(self, time: int) -> float:
        """The highest of its scores at a moment."""
        if not self.scores:
            return 0.0
        return max(score.fade(abuse, time) for abuse, score in self.scores.items())


class Actors:
    """All actors, the one seen longest ago first."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.table: OrderedDict[str, Actor] = OrderedDict()

    def at(self, key: str, role: str, time: int) -> Actor:
        """The actor of a key, made when it is new; counts as seen now."""
        actor = self.table.get(key)
        if actor is None:
            actor = self.table[key] = Actor(role, time)
            if len(self.table) > self._most:
                self.table.popitem(last=False)
        else:
            self.table.move_to_end(key)
        actor.last = time
        return actor

    def get(self, key: str) -> Actor | None:
        """The actor of a key, when it is known."""
        return self.table.get(key)


def remember(ring: array[int] | None, number: int, most: int = 8) -> tuple[array[int], bool]:
    """Remember a number among the newest few.

    Returns:
        The ring, and whether the number was in it.
    """
    short = number & 0xFFFFFFFF
    if ring is None:
        return array("I", [short]), False
    if short in ring:
        return ring, True
    if len(ring) >= most:
        ring.pop(0)
    ring.append(short)
    return ring, False


def distinct(bits: int, size: int) -> float:
    """How many distinct numbers were marked among `size` bits."""
    import math

    empty = size - bits.bit_count()
    return size * math.log(size / max(empty, 0.5))
