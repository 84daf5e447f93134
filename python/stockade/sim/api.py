"""How the simulated API answers: who may, whose it is, what it forgets to ask, how much it sends."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from stockade.sim.catalogue import Catalogue, Operation
from stockade.sim.population import People


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API."""

    status: int
    """Status."""
    bytes: int
    """Size of the body."""
    took_us: int
    """Time, microseconds."""
    foreign: bool = False
    """Whether it shows or changes what the caller may not."""
    refused_by: str = ""
    """`identity` when the gateway answers in place of the API."""


class Api:
    """One API with its data.

    Args:
        catalogue: operations and owners.
        people: who owns what.
        chance: draws sizes and durations of this seed.
    """

    def __init__(self, catalogue: Catalogue, people: People, chance: random.Random) -> None:
        self.catalogue = catalogue
        self.people = people
        self._open = {operation.id for operation in catalogue.operations.values() if "anonymous" in operation.roles}
        self._size = {name: chance.lognormvariate(6.5, 0.7) for name in catalogue.operations}
        self._took = {name: chance.lognormvariate(9.6, 0.5) for name in catalogue.operations}
        for name in catalogue.costly:
            self._took[name] *= 6

    def answer(
        self,
        operation: Operation,
        subject: str,
        role: str,
        objects: Mapping[str, str],
        chance: random.Random,
        amount: float = 1.0,
    ) -> Answer:
        """Answer a call that is well-formed.

        Args:
            operation: what is called.
            subject: who calls; empty when nobody is proven.
            role: of the caller.
            objects: ids by path parameter.
            chance: draws size and time.
            amount: how much is asked for, against a usual call.
        """
        took = int(self._took[operation.id] * chance.lognormvariate(0, 0.4) * amount)
        if not subject and operation.id not in self._open:
            return Answer(401, 120, 0, refused_by="identity")
        forgets = operation.id in self.catalogue.flaws
        allowed = role in operation.roles or operation.id in self._open
        if not allowed and not forgets:
            return Answer(403, 90, took // 4)
        foreign = not allowed
        reads_any = role in self.catalogue.roles and self.catalogue.roles[role].reads == "any"
        for parameter, value in objects.items():
            owner = self.people.owners.get((parameter, value))
            if owner is None:
                return Answer(404, 80, took // 4)
            if owner and owner != subject and not reads_any:
                if not forgets:
                    return Answer(self.people.hidden, 90, took // 4)
                foreign = True
        size = int(self._size[operation.id] * chance.lognormvariate(0, 0.5) * amount)
        return Answer(201 if operation.method == "POST" and not foreign else 200, max(2, size), took, foreign)
