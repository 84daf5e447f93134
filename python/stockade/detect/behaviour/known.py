"""What is known of everybody together: operations, roles, kinds of objects, clients.

Learned from whom nothing is said against, bounded in size, the same after the same events.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Generic, TypeVar

from stockade.detect.behaviour.actors import METRICS
from stockade.detect.behaviour.observation import Observation
from stockade.detect.behaviour.quantiles import Spread

OPERATIONS = 2000
"""Operations remembered; what comes after that is one operation together."""

ROLES = 200
"""Roles remembered, likewise."""

KINDS = 2000
"""Kinds of objects remembered, likewise."""

Value = TypeVar("Value")

OTHER = "other"
"""Stands for what came when there was no room any more."""


class Bounded(Generic[Value]):
    """A table with room for so many; what was written longest ago goes first."""

    __slots__ = ("most", "table")

    def __init__(self, most: int) -> None:
        self.most = most
        self.table: OrderedDict[Any, Value] = OrderedDict()

    def get(self, key: object) -> Value | None:
        """What was put there."""
        return self.table.get(key)

    def put(self, key: object, value: Value) -> None:
        """Put something there; counts as its newest use."""
        self.table[key] = value
        self.table.move_to_end(key)
        if len(self.table) > self.most:
            self.table.popitem(last=False)


class Operation:
    """What is known of one operation."""

    __slots__ = (
        "anonymous",
        "before",
        "calls",
        "failing",
        "familiar_failing",
        "number",
        "repeats",
        "roles",
        "tried",
        "users",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0
        self.anonymous = 0
        """Calls without proof of who it is."""
        self.failing = 0.1
        """Share of answers that say no, of those nothing is said against; fades over some hundred calls."""
        self.familiar_failing = 0.1
        """The same, of clients that succeeded before, over some dozen calls: rises when the API itself is broken."""
        self.tried = 0
        """Answers that said no."""
        self.users = 0
        """Actors that used it with success, as bits of 256."""
        self.roles: dict[int, int] = {}
        """Of each role: actors that used it with success, as bits of 64."""
        self.before: dict[int, int] = {}
        """Of each operation: how many actors had used it when they first used this one."""
        self.repeats = Spread()
        """How often one actor uses it in a day."""


class Role:
    """What is known of one role."""

    __slots__ = ("actors", "bad", "events", "long", "next", "number", "runs", "short", "surprise")

    def __init__(self, number: int) -> None:
        self.number = number
        self.events = 0
        self.actors = 0
        """Actors seen with it."""
        self.runs = Spread()
        """The most ids that an actor read one after the other."""
        self.short = [Spread() for _ in METRICS]
        """What an actor does in ten minutes."""
        self.long = [Spread() for _ in METRICS]
        """What an actor does in a day."""
        self.bad = Spread()
        """Distinct paths of an actor in a day that the API has not."""
        self.next: dict[int, dict[int, int]] = {}
        """How often each operation follows another."""
        self.surprise = 3.0
        """How surprising a step is on average, bits."""


class Kind:
    """What is known of the objects behind one template, for one role."""

    __slots__ = ("day", "foreign", "grown", "own", "private", "subjects")

    def __init__(self) -> None:
        self.own = 0.0
        """Times that somebody came back to an object first seen with him."""
        self.foreign = 0.0
        """Times that somebody came to an object first seen with another."""
        self.subjects = 0
        """Who came back, as bits of 128."""
        self.private = False
        """Whether objects have clearly one owner each. Held on to: some visits of others do not undo it."""
        self.day = 0
        """The day of `grown`."""
        self.grown = 0.0
        """Visits of others learned on this day while the kind was private."""

    def total(self) -> float:
        """Times that tell something."""
        return self.own + self.foreign

    def is_private(self) -> bool:
        """Whether objects of this kind clearly have one owner each, as far as this role goes."""
        return self.private

    def settle(self) -> None:
        """Decide again whether it is private."""
        if self.private:
            self.private = self.own >= 0.7 * self.total()
        else:
            self.private = self.own >= 10 and self.own >= 0.93 * self.total() and self.subjects.bit_count() >= 6

    def visit_of_another(self, day: int) -> None:
        """Learn that somebody came to an object of another.

        What is private stays so for a while: or many accounts of one attacker would soon make it everybody's.
        """
        if self.is_private():
            if day != self.day:
                self.day, self.grown = day, 0.0
            if self.grown >= max(2.0, 0.03 * self.own):
                return
            self.grown += 1.0
        self.foreign += 1.0

    def foreign_share(self) -> float:
        """Share of visits to what is another's, never quite nought."""
        return (self.foreign + 0.2) / (self.total() + 20.0)


class Known:
    """All of it."""

    def __init__(self) -> None:
        self.operations: dict[str, Operation] = {}
        self.names: list[str] = []
        self.roles: dict[str, Role] = {}
        self.kinds: dict[tuple[str, str], Kind] = {}
        self.everybody = Role(-1)
        """All roles together, for those too small to tell what is usual."""
        self.owners: Bounded[int] = Bounded(500_000)
        """With whom an object was seen first."""
        self.flagged: Bounded[int] = Bounded(50_000)
        """Actors with alerts: whatever was first seen with them is not theirs."""
        self.tokens: Bounded[list[int]] = Bounded(200_000)
        """Where and with what a token was first and last used."""
        self.prints: Bounded[list[int]] = Bounded(50_000)
        """Of what a client looks like: when it was first seen, seconds; and its subjects as bits of 64, those where
        they were before and those at new places."""
        self.sources: Bounded[int] = Bounded(200_000)
        """Networks and clients from which somebody signed in with success."""
        self.bad_paths: Bounded[int] = Bounded(20_000)
        """Who asked for paths that the API has not, as bits of 64."""
        self.shared: Bounded[int] = Bounded(50_000)
        """Subjects behind one client at one operation that changes something, as bits of 64."""
        self.sharing = Spread()
        """How many these are."""
        self.private: dict[str, int] = {}
        """Kinds that are private for some role, and for how many."""
        self.since_s = 0
        """When the first exchange was seen, seconds."""

    def operation(self, name: str) -> Operation:
        """The operation of a name, made when it is new."""
        found = self.operations.get(name)
        if found is None:
            if len(self.operations) >= OPERATIONS:
                name = OTHER
                if name in self.operations:
                    return self.operations[name]
            found = self.operations[name] = Operation(len(self.names))
            self.names.append(name)
        return found

    def role(self, name: str) -> Role:
        """The role of a name, made when it is new."""
        found = self.roles.get(name)
        if found is None:
            if len(self.roles) >= ROLES:
                name = OTHER
                if name in self.roles:
                    return self.roles[name]
            found = self.roles[name] = Role(len(self.roles))
        return found

    def kind(self, template: str, role: str) -> Kind:
        """What is known of a kind for a role, made when it is new."""
        key = (template, role)
        found = self.kinds.get(key)
        if found is None:
            if len(self.kinds) >= KINDS:
                key = (OTHER, role)
                if key in self.kinds:
                    return self.kinds[key]
            found = self.kinds[key] = Kind()
        return found

    def owns(self, template: str, number: int) -> bool:
        """Whether members of a role, by its number, only have to do with what is theirs, as far as is known."""
        for name, role in self.roles.items():
            if role.number & 0xFF == number:
                kind = self.kinds.get((template, name))
                return kind is None or kind.total() < 10 or kind.own >= 0.7 * kind.total()
        return True

    def print_of(self, look: int, time: int) -> list[int]:
        """What is known of a client's look, by its number, made when it is new."""
        found = self.prints.get(look)
        if found is None:
            found = [time // 1_000_000, 0, 0]
            self.prints.put(look, found)
        return found

    def is_private(self, template: str, role: str) -> bool:
        """Whether objects of a kind have owners who alone have to do with them, as far as a role goes."""
        known = self.kinds.get((template, role))
        if known is not None and known.total() >= 10:
            return known.is_private()
        # A role that hardly ever comes there: what holds for the others.
        return template in self.private


def is_failure(seen: Observation) -> bool:
    """Whether the API said no to what was tried, by its own judgement."""
    return seen.status in (400, 401, 403, 404, 422, 423, 429) and seen.refused_by in ("", "upstream")


def sureness(count: float, half: float = 20.0) -> float:
    """How well something is known that was seen so often: half at `half`, 1 in the end."""
    return count / (count + half)
