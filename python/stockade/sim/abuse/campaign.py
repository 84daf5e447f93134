"""One campaign: its class, how strong it is, when it begins; and what all of them draw on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stockade.sim.call import Call, Credential
from stockade.sim.catalogue import Operation
from stockade.sim.ground import Ground
from stockade.sim.population import Agent, Person, an_address, an_agent

SECOND = 1_000_000
HOUR = 3600 * SECOND

STRENGTHS = ("loud", "medium", "quiet")
"""From what anybody would notice to what hides."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One campaign of abuse."""

    id: str
    """Name, unique in its world."""
    abuse: str
    """Class."""
    strength: str
    """One of `STRENGTHS`."""
    start: int
    """First moment, microseconds since the epoch."""
    variant: str = ""
    """Which way of doing it; the class's usual one when empty."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Numbers that a file gives in place of the drawn ones."""


class Attack:
    """What a class of abuse draws on: the world, the campaign, and randomness of its own."""

    def __init__(self, ground: Ground, campaign: Campaign) -> None:
        self.ground = ground
        self.campaign = campaign
        self.chance = ground.chance("campaign", campaign.id)
        self.tool: Agent | None = None
        """The one client that all of the campaign uses, where it does."""

    def pick(self, name: str, loud: float, medium: float, quiet: float) -> float:
        """A number by strength, drawn anew by a quarter; the file's where it gives one."""
        if name in self.campaign.told:
            return float(self.campaign.told[name])
        value = dict(zip(STRENGTHS, (loud, medium, quiet), strict=True))[self.campaign.strength]
        return value * self.chance.uniform(0.75, 1.25)

    def count(self, name: str, loud: float, medium: float, quiet: float) -> int:
        """As `pick`, whole and at least one."""
        return max(1, round(self.pick(name, loud, medium, quiet)))

    def addresses(self, count: int) -> list[str]:
        """Addresses that only the campaign uses."""
        return [an_address(self.chance) for _ in range(count)]

    def rare_agent(self) -> Agent:
        """A client that nobody else uses."""
        if self.tool:
            return self.tool
        tool = self.chance.choice(("Mozilla/5.0 (X11; Linux) Chrome/", "python-httpx/", "Go-http-client/", "okhttp/"))
        return Agent(f"{tool}{self.chance.randrange(10, 99)}.{self.chance.randrange(1000)}", "TLSv1.3", "X25519", "1.1")

    def agents(self, default: str) -> Callable[[], Agent]:
        """Clients by the way the campaign hides: `rare`, `common` or `rotating`."""
        way = str(self.campaign.told.get("agents", self.campaign.variant or default))
        common = self.ground.people.agents
        if way == "common":
            one = common[0]
            return lambda: one
        if way == "rotating":
            weights = [1 / (place + 1) for place in range(len(common))]
            return lambda: self.chance.choices(common, weights)[0]
        rare = self.rare_agent()
        return lambda: rare

    def people(self) -> list[Person]:
        """Members of the role that most have."""
        most = max(self.ground.catalogue.roles.values(), key=lambda role: role.share)
        return self.ground.people.of(most.name)

    def accomplices(self, count: int) -> list[tuple[Person, Credential, str, Agent]]:
        """Accounts that the attacker uses, each from its own place with an ordinary client."""
        chosen = self.chance.sample(self.people(), min(count, len(self.people())))
        return [
            (
                person,
                self.ground.credential(person, 70_000 + place),
                an_address(self.chance),
                self.tool or an_agent(self.chance, self.chance.randrange(60)),
            )
            for place, person in enumerate(chosen)
        ]

    def call(
        self, when: float, operation: Operation, address: str, agent: Agent, credential: Credential | None, **more: Any
    ) -> Call:
        """One call of the campaign."""
        return self.ground.call(
            when,
            operation,
            address=address,
            agent=agent,
            credential=credential,
            chance=self.chance,
            campaign=self.campaign.id,
            by=more.pop("by", f"attacker-{self.campaign.id}"),
            **more,
        )

    def foreign_readers(self) -> list[Operation]:
        """Operations that show one object of somebody to whoever asks."""
        catalogue = self.ground.catalogue
        return [
            operation
            for name in catalogue.flaws
            if (operation := catalogue.operations[name]).parameters
            and (kind := catalogue.kinds.get(operation.parameters[-1]))
            and kind.owner
            and kind.owner in operation.roles
        ]


Run = Callable[[Attack], Iterator[Call]]
"""All calls of one campaign, in order of time."""


def merged(streams: list[list[Call]]) -> Iterator[Call]:
    """Calls of several sources in order of time."""
    return iter(sorted((call for stream in streams for call in stream), key=lambda call: call.time))


def paced(chance: random.Random, start: float, wait_us: float, count: int) -> list[float]:
    """Moments with random gaps around `wait_us`."""
    found, when = [], start
    for _ in range(count):
        when += wait_us * chance.uniform(0.5, 1.5)
        found.append(when)
    return found
