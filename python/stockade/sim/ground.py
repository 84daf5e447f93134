"""What all traffic of one world stands on: catalogue, people, API, and how a call is put together."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from stockade.sim.api import Api
from stockade.sim.call import Call, Credential
from stockade.sim.catalogue import Catalogue, Operation
from stockade.sim.population import DAY_US, Agent, People, Person, Population

HOURS = (15, 12, 11, 11, 12, 16, 28, 50, 68, 76, 78, 79, 75, 76, 78, 77, 74, 70, 64, 60, 55, 46, 34, 22)
"""How busy each hour of the day is, against the others."""


@dataclass(frozen=True, slots=True)
class Ground:
    """One world without its traffic."""

    seed: int
    """Seed."""
    catalogue: Catalogue
    """The API."""
    settings: Population
    """Constants of this seed."""
    people: People
    """Who there is."""
    api: Api
    """How the API answers."""

    @property
    def end(self) -> int:
        """Last moment, microseconds since the epoch."""
        return self.settings.start + int(self.settings.days * DAY_US)

    @property
    def scored_from(self) -> int:
        """First moment that is scored."""
        return self.settings.start + int(self.settings.warm_up * DAY_US)

    def chance(self, *names: object) -> random.Random:
        """Randomness of its own for one part, the same whatever other parts draw."""
        return random.Random(f"{self.seed}:{':'.join(map(str, names))}")

    def call(
        self,
        time: float,
        operation: Operation,
        *,
        address: str,
        agent: Agent,
        credential: Credential | None,
        chance: random.Random,
        objects: Mapping[str, str] | None = None,
        status: int | None = None,
        query: Mapping[str, str] | None = None,
        amount: float = 1.0,
        by: str = "",
        campaign: str = "",
        account: str = "",
    ) -> Call:
        """A call and how the API answers it.

        Args:
            time: when, microseconds since the epoch.
            operation: what is called.
            address: from where.
            agent: with what.
            credential: as whom.
            chance: draws what is not given.
            objects: ids by path parameter; drawn from those that the caller may see where left out.
            status: how the API answers, where that is not a matter of rights.
            query: query parameters.
            amount: how much is asked for, against a usual call.
            by: who really calls.
            campaign: what it is part of.
            account: account that a sign-in names.
        """
        subject, role = (credential.subject, credential.role) if credential else ("", "anonymous")
        filled = self.objects(operation, subject, role, chance) | dict(objects or {})
        answer = self.api.answer(operation, subject, role, filled, chance, amount)
        path = operation.path
        for name, value in filled.items():
            path = path.replace(f"{{{name}}}", value)
        call = Call(
            time=int(time),
            method=operation.method,
            path=path,
            operation=operation,
            address=address,
            agent=agent,
            credential=credential,
            status=answer.status if status is None or answer.status >= 400 else status,
            bytes_out=answer.bytes if status is None or status < 400 else 90,
            upstream_us=answer.took_us,
            query="&".join(f"{name}={value}" for name, value in query.items()) if query else None,
            bytes_in=chance.randrange(20, 400) if operation.method in ("POST", "PUT", "PATCH") else 0,
            campaign=campaign,
            by=by,
            account=account,
            refused_by=answer.refused_by,
        )
        if campaign:
            call.harm = "data" if answer.foreign and call.status < 300 else "tried"
        return call

    def objects(self, operation: Operation, subject: str, role: str, chance: random.Random) -> dict[str, str]:
        """Ids that a caller has to do with."""
        person = self.people.named.get(subject)
        found = {}
        for parameter in operation.parameters:
            owned = person.owned.get(parameter) if person else None
            every = self.people.ids.get(parameter) or ["1"]
            kind = self.catalogue.kinds.get(parameter)
            if owned:
                found[parameter] = chance.choice(owned)
            elif kind and kind.owner and role == kind.owner:
                # Somebody who owns none yet makes one.
                found[parameter] = self._new(parameter, subject, kind.ids, chance)
            else:
                # Some are looked at far more often than others.
                found[parameter] = every[min(int(chance.paretovariate(0.6)) - 1, chance.randrange(len(every)))]
        return found

    def _new(self, parameter: str, subject: str, ids: str, chance: random.Random) -> str:
        every = self.people.ids[parameter]
        if ids == "number":
            text = str(max((int(one) for one in every), default=1) + 1)
        else:
            text = f"{chance.getrandbits(32):08x}-0000-4000-8000-{chance.getrandbits(48):012x}"
        every.append(text)
        self.people.owners[(parameter, text)] = subject
        if subject in self.people.named:
            self.people.named[subject].owned.setdefault(parameter, []).append(text)
        return text

    def credential(self, person: Person, number: int) -> Credential:
        """What a person shows in one session."""
        if person.role.credential == "key":
            return Credential(person.name, person.role.name, key=f"key-{person.name}")
        return Credential(person.name, person.role.name, f"t-{person.name}-{number}", f"s-{person.name}-{number}")

    def moment(self, day: float, chance: random.Random) -> float:
        """A moment on a day, in busy hours more often.

        Args:
            day: number of the day.
            chance: draws it.
        """
        hour = chance.choices(range(24), HOURS)[0]
        return self.settings.start + int(day) * DAY_US + (hour + chance.random()) * 3_600_000_000
