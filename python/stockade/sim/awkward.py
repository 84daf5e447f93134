"""Innocent traffic that looks odd: partners that page through ids, releases, outages, bursts, people who travel."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from stockade.sim.call import Call
from stockade.sim.catalogue import Operation
from stockade.sim.ground import Ground
from stockade.sim.ordinary import ordinary_call, session, sign_in, steps
from stockade.sim.population import DAY_US, Agent, Person, a_program, an_address

Stream = Iterator[Call]
"""Calls in order of time."""

SECOND = 1_000_000
MINUTE = 60 * SECOND


def streams(ground: Ground) -> Iterator[Stream]:
    """All oddities that the settings name."""
    for name in ground.settings.awkward:
        yield from KINDS[name](ground, ground.chance("awkward", name))


def _partner_sync(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """A partner reads a kind of object from the first id to the last, each night."""
    readers = [person for person in ground.people.everybody if person.role.credential == "key"]
    for person in readers[:2]:
        read = _readable(ground, person)
        if read is None:
            continue
        operation, ids = read
        every = sorted(ids)[: min(len(ids), 600)]
        hour = chance.uniform(1, 5)
        wait = chance.uniform(0.3, 1.5) * SECOND

        def run(
            person: Person = person,
            operation: Operation = operation,
            every: list[str] = every,
            hour: float = hour,
            wait: float = wait,
        ) -> Stream:
            for day in range(int(ground.settings.days) + 1):
                when = ground.settings.start + day * DAY_US + hour * 60 * MINUTE
                for value in every:
                    when += wait
                    yield _call(ground, person, operation, when, chance, objects={operation.parameters[-1]: value})

        yield run()


def _support_marathon(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """Support works all day, on objects of everybody."""
    for person in [one for one in ground.people.everybody if one.role.reads == "any" and not _is_program(one)][:4]:

        def run(person: Person = person) -> Stream:
            own = ground.chance("support", person.name)
            for day in range(int(ground.settings.days) + 1):
                when = ground.settings.start + day * DAY_US + 9 * 60 * MINUTE + own.uniform(0, 40) * MINUTE
                for operation in steps(ground, person, 120, own):
                    when += own.lognormvariate(4.0, 0.8) * SECOND
                    yield _call(ground, person, operation, when, own, number=1000 + day)

        yield run()


def _monitoring(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """A probe asks the same at exact intervals."""
    probes = [one for one in ground.catalogue.operations.values() if "monitor" in one.roles]
    if not probes:
        return
    agent, address = a_program(chance), an_address(chance)

    def run() -> Stream:
        when = float(ground.settings.start)
        while when < ground.end:
            when += 60 * SECOND
            yield ground.call(
                when, probes[0], address=address, agent=agent, credential=None, chance=chance, by="monitoring"
            )

    yield run()


def _polling(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """Tabs that are left open ask for the same every half a minute."""
    for person in chance.sample(_people(ground), min(3, len(_people(ground)))):
        lists = [
            one for one in ground.catalogue.of_role(person.role.name) if one.method == "GET" and not one.parameters
        ]
        if not lists:
            continue
        operation = chance.choice(lists)
        begin = ground.moment(chance.randrange(max(1, int(ground.settings.days))), chance)

        def run(person: Person = person, operation: Operation = operation, begin: float = begin) -> Stream:
            for place in range(400):
                yield _call(ground, person, operation, begin + place * 30 * SECOND, chance, number=2000)

        yield run()


def _release(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """A new version of the app goes about it in another order, with more calls at its start."""
    begin = ground.scored_from + chance.uniform(0, 0.4) * (ground.end - ground.scored_from)
    users = [person for person in _people(ground) if person.mobile]
    for person in users[: max(6, len(users) // 3)]:

        def run(person: Person = person) -> Stream:
            own = ground.chance("release", person.name)
            agent = replace(person.agents[0], user_agent=f"{person.agents[0].user_agent} Release/2")
            when = begin + own.uniform(0, 0.5) * (ground.end - begin)
            mine = [one for one in ground.catalogue.of_role(person.role.name) if one.method == "GET"]
            credential = ground.credential(person, 3000)
            for call in sign_in(ground, person, when, person.address, agent, own):
                yield call
                when = call.time
            for operation in own.choices(mine, k=18):
                when += own.uniform(0.03, 2.0) * SECOND
                yield ordinary_call(ground, person, operation, when, person.address, agent, credential, own)

        yield run()


def _burst(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """An advertisement brings many at once."""
    begin = ground.scored_from + chance.uniform(0.1, 0.8) * (ground.end - ground.scored_from)
    crowd = _people(ground)
    for person in chance.sample(crowd, len(crowd) // 4):
        yield session(ground, (begin + chance.uniform(0, 10) * MINUTE, person.name, 4000))


def _reset_storm(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """A letter asks all to choose new passwords, and many mistype the new one."""
    if not ground.catalogue.login:
        return
    begin = ground.scored_from + chance.uniform(0.1, 0.8) * (ground.end - ground.scored_from)
    login = ground.catalogue.operations[ground.catalogue.login[0]]
    crowd = _people(ground)
    for person in chance.sample(crowd, len(crowd) // 8):

        def run(person: Person = person) -> Stream:
            own = ground.chance("reset", person.name)
            when = begin + own.expovariate(1 / 40) * MINUTE
            for fails in [True] * own.randrange(1, 5) + [False]:
                when += own.uniform(4, 20) * SECOND
                yield ground.call(
                    when,
                    login,
                    address=person.address,
                    agent=person.agents[0],
                    credential=None,
                    chance=own,
                    status=401 if fails else 200,
                    by=person.name,
                    account=person.name,
                )

        yield run()


def _outage(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """The API answers 503 for a while, and clients try again and again."""
    begin = ground.scored_from + chance.uniform(0.1, 0.8) * (ground.end - ground.scored_from)
    crowd = _people(ground)
    for person in chance.sample(crowd, min(25, len(crowd))):
        operation = chance.choice([one for one in ground.catalogue.of_role(person.role.name) if one.method == "GET"])

        def run(person: Person = person, operation: Operation = operation) -> Stream:
            own = ground.chance("outage", person.name)
            when = begin + own.uniform(0, 60) * SECOND
            for attempt in range(own.randrange(10, 30)):
                when += min(20.0, 0.5 * 1.4**attempt) * SECOND
                status = 503 if when < begin + 4 * MINUTE else None
                yield _call(ground, person, operation, when, own, number=5000, status=status)

        yield run()


def _load_test(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """Quality assurance tries how much an operation bears, with a program's key, each day at the same time."""
    programs = [person for person in ground.people.everybody if _is_program(person)]
    if not programs:
        return
    person = programs[-1]
    mine = [one for one in ground.catalogue.of_role(person.role.name) if one.method == "GET" and not one.parameters]
    if not mine:
        return
    operation, hour = chance.choice(mine), chance.uniform(10, 16)

    def run() -> Stream:
        for day in range(int(ground.settings.days) + 1):
            when = ground.settings.start + day * DAY_US + hour * 60 * MINUTE
            for _ in range(300):
                when += chance.expovariate(10) * SECOND
                yield _call(ground, person, operation, when, chance)

    yield run()


def _traveller(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """People sign in from far away, through the same address as many others."""
    gate = an_address(chance)
    for person in chance.sample(_people(ground), min(4, len(_people(ground)))):

        def run(person: Person = person) -> Stream:
            there = replace(person, address=gate)
            own = ground.chance("travel", person.name)
            when = ground.moment(own.randrange(max(1, int(ground.settings.days))), own)
            for call in sign_in(ground, there, when, gate, person.agents[0], own):
                yield call
                when = call.time
            for operation in steps(ground, person, 12, own):
                when += own.lognormvariate(2.2, 1.0) * SECOND
                yield ordinary_call(
                    ground, person, operation, when, gate, person.agents[0], ground.credential(person, 6000), own
                )

        yield run()


def _export(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """At the end of the month some fetch all that is theirs."""
    for person in chance.sample(_people(ground), min(4, len(_people(ground)))):
        mine = [one for one in ground.catalogue.of_role(person.role.name) if one.method == "GET" and one.parameters]
        if not mine:
            continue

        def run(person: Person = person, mine: list[Operation] = mine) -> Stream:
            own = ground.chance("export", person.name)
            when = ground.moment(int(ground.settings.days) - 1, own)
            for operation in mine:
                for value in person.owned.get(operation.parameters[-1], ()):
                    when += own.uniform(0.4, 2.5) * SECOND
                    yield _call(
                        ground, person, operation, when, own, number=7000, objects={operation.parameters[-1]: value}
                    )

        yield run()


def _crawler(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """A search engine reads what everybody may read, slowly."""
    open_ = [one for one in ground.catalogue.operations.values() if "anonymous" in one.roles and one.method == "GET"]
    if not open_:
        return
    agent, address = Agent("Mozilla/5.0 (compatible; Crawl/2.1)", "TLSv1.3", "X25519", "2"), an_address(chance)

    def run() -> Stream:
        when = float(ground.settings.start)
        while when < ground.end:
            when += chance.uniform(60, 240) * SECOND
            operation = chance.choice(open_)
            yield ground.call(
                when, operation, address=address, agent=agent, credential=None, chance=chance, by="crawler"
            )

    yield run()


def _launch(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """An operation that nobody used is used by many from one day on."""
    begin = ground.scored_from + chance.uniform(0.0, 0.5) * (ground.end - ground.scored_from)
    used = {step.rstrip("*?") for flow in ground.catalogue.flows for step in flow.steps}
    crowd = _people(ground)
    fresh = [
        one
        for one in ground.catalogue.operations.values()
        if one.id not in used and crowd and crowd[0].role.name in one.roles and one.id not in ground.catalogue.guessing
    ]
    if not fresh:
        return
    operation = chance.choice(fresh)
    for person in chance.sample(crowd, len(crowd) // 5):
        if person.role.name not in operation.roles:
            continue

        def run(person: Person = person) -> Stream:
            own = ground.chance("launch", person.name)
            when = begin + own.uniform(0, 1) * (ground.end - begin)
            for _ in range(own.randrange(1, 4)):
                when += own.uniform(3, 60) * SECOND
                yield _call(ground, person, operation, when, own, number=8000)

        yield run()


def _role_change(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """Somebody moves to another job, with a new role in new tokens."""
    roles = [role for role in ground.catalogue.roles.values() if role.reads == "any" and role.credential == "token"]
    if not roles:
        return
    role = chance.choice(roles)
    for person in chance.sample(_people(ground), min(2, len(_people(ground)))):

        def run(person: Person = person) -> Stream:
            own = ground.chance("role", person.name)
            moved = replace(person, role=role)
            when = ground.scored_from + own.uniform(0.05, 0.6) * (ground.end - ground.scored_from)
            for operation in steps(ground, moved, 40, own):
                when += own.lognormvariate(3.0, 0.9) * SECOND
                yield _call(ground, moved, operation, when, own, number=9000)

        yield run()


def _broken_link(ground: Ground, chance: random.Random) -> Iterator[Stream]:
    """An app asks for pictures that are not there; a few each time, the same for all."""
    missing = [f"/static/{chance.randrange(10**6):06d}.png" for _ in range(6)]
    for person in chance.sample(_people(ground), min(40, len(_people(ground)))):

        def run(person: Person = person) -> Stream:
            own = ground.chance("broken", person.name)
            when = ground.moment(own.randrange(max(1, int(ground.settings.days))), own)
            for path in missing[: own.randrange(2, 7)]:
                when += own.uniform(0.1, 1.0) * SECOND
                yield Call(
                    time=int(when),
                    method="GET",
                    path=path,
                    operation=None,
                    address=person.address,
                    agent=person.agents[0],
                    credential=ground.credential(person, 9500),
                    status=404,
                    bytes_out=80,
                    upstream_us=2000,
                    by=person.name,
                )

        yield run()


KINDS: dict[str, Callable[[Ground, random.Random], Iterator[Stream]]] = {
    "partner_sync": _partner_sync,
    "support_marathon": _support_marathon,
    "monitoring": _monitoring,
    "polling": _polling,
    "release": _release,
    "burst": _burst,
    "reset_storm": _reset_storm,
    "outage": _outage,
    "load_test": _load_test,
    "traveller": _traveller,
    "export": _export,
    "crawler": _crawler,
    "launch": _launch,
    "role_change": _role_change,
    "broken_link": _broken_link,
}
"""What each oddity does."""


def _people(ground: Ground) -> list[Person]:
    """Members of the role that most have."""
    most = max(ground.catalogue.roles.values(), key=lambda role: role.share)
    return ground.people.of(most.name)


def _is_program(person: Person) -> bool:
    return person.role.credential == "key"


def _readable(ground: Ground, person: Person) -> tuple[Operation, list[str]] | None:
    """An operation that reads one object of everybody's, and all their ids."""
    for operation in ground.catalogue.of_role(person.role.name):
        if operation.method == "GET" and len(operation.parameters) == 1:
            kind = ground.catalogue.kinds.get(operation.parameters[0])
            if kind and (not kind.owner or person.role.reads == "any"):
                return operation, ground.people.ids[kind.parameter]
    return None


def _call(
    ground: Ground,
    person: Person,
    operation: Operation,
    when: float,
    chance: random.Random,
    *,
    number: int = 0,
    objects: dict[str, str] | None = None,
    status: int | None = None,
) -> Call:
    return ground.call(
        when,
        operation,
        address=person.address,
        agent=person.agents[0],
        credential=ground.credential(person, number),
        chance=chance,
        objects=objects,
        status=status,
        by=person.name,
    )
