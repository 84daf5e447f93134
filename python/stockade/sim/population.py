"""Who uses the API: how many, from where, with what, and how awkward they are; constants drawn anew for each seed."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from stockade.sim.catalogue import Catalogue, Kind, Role, read
from stockade.sim.problem import SimProblemError

DAY_US = 86_400_000_000
"""A day, microseconds."""

AWKWARD = (
    "partner_sync",
    "support_marathon",
    "monitoring",
    "polling",
    "release",
    "burst",
    "reset_storm",
    "outage",
    "load_test",
    "traveller",
    "export",
    "crawler",
    "launch",
    "role_change",
    "broken_link",
)
"""Ordinary traffic that looks odd; all of it is innocent."""


@dataclass(frozen=True, slots=True)
class Population:
    """Settings of a population; every share is one of people or of sessions, 0 to 1."""

    users: int = 400
    """People and programs."""
    days: float = 2.0
    """Length of the whole run, days."""
    warm_up: float = 1.0
    """Days at its beginning in which there is no campaign and nothing is scored."""
    start: int = 1_767_571_200_000_000
    """First moment, microseconds since the epoch: a Monday."""
    sessions: float = 1.3
    """Sessions of a person in a day."""
    pages: float = 10.0
    """Calls of a session, the median."""
    think_s: float = 8.0
    """Seconds between two calls of a person, the median."""
    office: float = 0.08
    """People who work behind a shared office address."""
    carrier: float = 0.30
    """People behind the addresses of a mobile carrier."""
    offices: int = 2
    """Office addresses."""
    carriers: int = 3
    """Addresses of the carrier."""
    mobile: float = 0.4
    """People who mostly use an app."""
    new_address: float = 0.07
    """Sessions from an address that the person never had."""
    flips: float = 0.06
    """Sessions of the app in which the address changes."""
    forgetful: float = 0.08
    """People who mistype often."""
    failures: float = 0.07
    """Sign-ins of others that fail."""
    forgetful_failures: float = 0.35
    """Sign-ins of the forgetful that fail."""
    agents: int = 60
    """Distinct browsers and apps."""
    jitter: float = 0.3
    """How far constants are drawn from the ones here, as a share of them."""
    awkward: tuple[str, ...] = AWKWARD
    """Kinds of innocent oddity that happen."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What a client looks like on the wire."""

    user_agent: str
    """`User-Agent`."""
    tls: str
    """TLS version."""
    exchange: str
    """Key exchange group."""
    http: str
    """HTTP version."""


@dataclass(slots=True)
class Person:
    """One person or program."""

    name: str
    """Subject in tokens."""
    role: Role
    """Role."""
    address: str
    """Where the person mostly is."""
    agents: tuple[Agent, ...]
    """What the person mostly uses, first the usual one."""
    mobile: bool
    """Whether it is an app."""
    forgetful: bool
    """Whether sign-ins often fail."""
    activity: float
    """Sessions against the average."""
    owned: dict[str, list[str]] = field(default_factory=dict)
    """Ids of own objects by path parameter."""


@dataclass(slots=True)
class People:
    """The population of one seed."""

    everybody: list[Person]
    """All, in order of name."""
    agents: list[Agent]
    """Clients in use, the most common first."""
    owners: dict[tuple[str, str], str]
    """Owner by path parameter and id; empty text when everybody's."""
    ids: dict[str, list[str]]
    """All ids by path parameter."""
    hidden: int
    """Status of an object that is another's: 403 or 404."""
    named: dict[str, Person]
    """All by name."""

    def of(self, role: str) -> list[Person]:
        """All with a role."""
        return [person for person in self.everybody if person.role.name == role]


def load(file: Path) -> Population:
    """Read settings.

    Raises:
        SimProblemError: the file cannot be read, or a key is unknown or of the wrong type.
    """
    return from_mapping(read(file), str(file))


def from_mapping(told: Mapping[str, Any], where: str) -> Population:
    """Settings from a mapping; see `load`."""
    known = {entry.name: type(getattr(Population(), entry.name)) for entry in fields(Population)}
    values: dict[str, Any] = {}
    for key, value in told.items():
        if key not in known:
            raise SimProblemError(f"{where}: `{key}` is not known; expected one of {', '.join(known)}")
        try:
            values[key] = tuple(value) if known[key] is tuple else known[key](value)
        except (TypeError, ValueError) as error:
            raise SimProblemError(f"{where}: expected {known[key].__name__} for `{key}`, got `{value}`") from error
    unknown = set(values.get("awkward", ())) - set(AWKWARD)
    if unknown:
        raise SimProblemError(
            f"{where}: `awkward` names {', '.join(sorted(unknown))}; expected of {', '.join(AWKWARD)}"
        )
    return Population(**values)


def drawn(settings: Population, chance: random.Random) -> Population:
    """The same population with its constants drawn anew."""
    changed: dict[str, Any] = {}
    for entry in fields(Population):
        value = getattr(settings, entry.name)
        if isinstance(value, float) and entry.name not in ("days", "warm_up", "jitter"):
            changed[entry.name] = value * chance.uniform(1 - settings.jitter, 1 + settings.jitter)
        else:
            changed[entry.name] = value
    return Population(**changed)


def people(catalogue: Catalogue, settings: Population, chance: random.Random) -> People:
    """Make the population of one seed."""
    agents = [an_agent(chance, place) for place in range(max(4, settings.agents))]
    offices = [an_address(chance) for _ in range(max(1, settings.offices))]
    carriers = [an_address(chance) for _ in range(max(1, settings.carriers))]
    weights = [1 / (place + 1) for place in range(len(agents))]
    everybody = []
    for role in catalogue.roles.values():
        count = max(2, round(settings.users * role.share))
        for number in range(count):
            mobile = role.credential == "token" and chance.random() < settings.mobile
            where = chance.random()
            if where < settings.office:
                address = chance.choice(offices)
            elif where < settings.office + settings.carrier and mobile:
                address = chance.choice(carriers)
            else:
                address = an_address(chance)
            own = tuple(chance.choices(agents, weights, k=2)) if role.credential == "token" else (a_program(chance),)
            everybody.append(
                Person(
                    name=f"{role.name[:2]}{number:05d}{chance.randrange(16**4):04x}",
                    role=role,
                    address=address,
                    agents=own,
                    mobile=mobile,
                    forgetful=chance.random() < settings.forgetful,
                    activity=chance.lognormvariate(0, 0.6),
                )
            )
    found = People(everybody, agents, {}, {}, chance.choice((403, 404)), {person.name: person for person in everybody})
    for kind in catalogue.kinds.values():
        _objects(kind, found, chance)
    return found


def _objects(kind: Kind, found: People, chance: random.Random) -> None:
    number = chance.randrange(1_000, 90_000)
    owners: list[Person | None] = [None] * kind.count
    if kind.owner:
        for person in found.of(kind.owner):
            owners.extend([person] * max(1, round(chance.expovariate(1 / max(kind.each, 0.1)))))
        chance.shuffle(owners)
    ids = found.ids.setdefault(kind.parameter, [])
    for owner in owners:
        number += 1 if chance.random() < 0.9 else chance.randrange(2, 5)
        text = str(number) if kind.ids == "number" else str(uuid.UUID(int=chance.getrandbits(128), version=4))
        ids.append(text)
        found.owners[(kind.parameter, text)] = owner.name if owner else ""
        if owner:
            owner.owned.setdefault(kind.parameter, []).append(text)


def an_address(chance: random.Random) -> str:
    """An address of the public internet."""
    return f"{chance.randrange(11, 190)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"


def an_agent(chance: random.Random, place: int) -> Agent:
    """A browser or an app, different in each seed."""
    version = chance.randrange(90, 140)
    name = (
        f"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/{version}.{place}.0",
        f"Mozilla/5.0 (Macintosh) AppleWebKit/605.1 Version/{version - 80}.{place} Safari/605.1",
        f"Mozilla/5.0 (X11; Linux) Gecko/2010 Firefox/{version}.{place}",
        f"App/{place}.{chance.randrange(20)} (iPhone; iOS {chance.randrange(14, 20)})",
        f"App/{place}.{chance.randrange(20)} (Android {chance.randrange(9, 16)})",
    )[place % 5]
    return Agent(
        name,
        chance.choice(("TLSv1.3", "TLSv1.3", "TLSv1.2")),
        chance.choice(("X25519MLKEM768", "X25519", "P-256")),
        chance.choice(("2", "2", "1.1")),
    )


def a_program(chance: random.Random) -> Agent:
    """A program of a partner or a script."""
    name = chance.choice(("python-requests", "Java-http-client", "okhttp", "Go-http-client", "axios", "curl"))
    return Agent(f"{name}/{chance.randrange(1, 9)}.{chance.randrange(60)}", "TLSv1.3", "X25519", "1.1")


def token_hash(token: str) -> str:
    """The first 32 hexadecimal digits of the token's SHA-256, as the gateway tells it."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]
