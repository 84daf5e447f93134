"""Programs where people are expected: scraping, scanning, flow abuse, what costs the owner money."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice

from stockade.sim.abuse.campaign import HOUR, SECOND, Attack, merged, paced
from stockade.sim.abuse.logins import stuffing
from stockade.sim.abuse.objects import enumeration
from stockade.sim.call import Call
from stockade.sim.population import an_address

WORDS = (
    "admin",
    "backup",
    "config",
    "debug",
    "env",
    "git",
    "internal",
    "jenkins",
    "manage",
    "old",
    "private",
    "server",
)
"""Words of a wordlist."""


def scraping(attack: Attack) -> Iterator[Call]:
    """All objects that everybody may see, one after another.

    Variants: `one` (default), `distributed` (over many accounts).
    """
    catalogue = attack.ground.catalogue
    readers = [
        one
        for one in catalogue.operations.values()
        if one.method == "GET" and len(one.parameters) == 1 and attack.people()[0].role.name in one.roles
        and (kind := catalogue.kinds.get(one.parameters[0])) and not kind.owner
    ]  # fmt: skip
    if not readers:
        return
    operation = max(readers, key=lambda one: len(attack.ground.people.ids[one.parameters[0]]))
    every = attack.ground.people.ids[operation.parameters[0]]
    distributed = attack.campaign.variant == "distributed"
    accounts = attack.accomplices(attack.count("accounts", 100, 60, 40) if distributed else 1)
    each = attack.count("pages", 40, 30, 20) if distributed else attack.count("pages", 900, 700, 500)
    wait = attack.pick("wait_s", 0.5, 5, 20) * SECOND * (20 if distributed else 1)
    streams, place = [], attack.chance.randrange(len(every))
    for person, credential, address, agent in accounts:
        calls = []
        for when in paced(attack.chance, attack.campaign.start + attack.chance.uniform(0, 300) * SECOND, wait, each):
            place += 1
            value = every[place % len(every)]
            call = attack.call(
                when, operation, address, agent, credential, objects={operation.parameters[0]: value}, by=person.name
            )
            call.harm = "data" if call.status < 300 else "tried"
            calls.append(call)
        streams.append(calls)
    yield from merged(streams)


def scanning(attack: Attack) -> Iterator[Call]:
    """Paths of a wordlist, methods that are not meant, values that probe."""
    address, agent = an_address(attack.chance), attack.rare_agent()
    operations = list(attack.ground.catalogue.operations.values())
    count = attack.count("paths", 600, 300, 120)
    for place, when in enumerate(
        paced(attack.chance, attack.campaign.start, attack.pick("wait_s", 0.2, 2.5, 60) * SECOND, count)
    ):
        way = attack.chance.random()
        if way < 0.75:
            word = attack.chance.choice(WORDS)
            call = Call(
                time=int(when),
                method="GET",
                path=f"/{word}{attack.chance.choice(('', '.php', '.bak', '/', '.zip'))}{place}",
                operation=None,
                address=address,
                agent=agent,
                credential=None,
                status=404,
                bytes_out=80,
                upstream_us=1500,
                campaign=attack.campaign.id,
                harm="tried",
                by=f"attacker-{attack.campaign.id}",
                refused_by="route" if attack.chance.random() < 0.5 else "",
            )
        else:
            call = attack.call(when, attack.chance.choice(operations), address, agent, None)
            if way > 0.95:
                call.finding, call.refused_by, call.status = "sql_injection", "inspect", 403
            elif way > 0.85:
                call.method, call.operation, call.status, call.refused_by = "PROPFIND", None, 405, "route"
        yield call


def flow_abuse(attack: Attack) -> Iterator[Call]:
    """What the business gives away: codes guessed, steps left out, bought by programs.

    Variants: `guessing` (default), `scalping`, `farming` (many accounts on one device).
    """
    catalogue = attack.ground.catalogue
    variant = attack.campaign.variant or ("guessing" if catalogue.guessing else "scalping")
    wanted = catalogue.guessing if variant == "guessing" else catalogue.scarce
    if not wanted:
        return
    operation = catalogue.operations[attack.chance.choice(wanted)]
    accounts = attack.accomplices(attack.count("accounts", 40, 25, 12) if variant == "farming" else 1)
    each = attack.count("each", 4, 3, 3) if variant == "farming" else attack.count("calls", 500, 300, 120)
    hours = attack.pick("hours", 0.1, 1, 5)
    device, shared = attack.rare_agent(), an_address(attack.chance)
    streams = []
    for place, (person, credential, address, agent) in enumerate(accounts):
        if variant == "farming":
            address, agent = shared, device
        calls = []
        begin = attack.campaign.start + place * hours * HOUR / len(accounts)
        for when in paced(attack.chance, begin, hours * HOUR / each / (4 if variant == "farming" else 1), each):
            works = variant != "guessing" or attack.chance.random() < 0.02
            call = attack.call(
                when, operation, address, agent, credential, status=None if works else 422, by=person.name
            )
            call.harm = "succeeded" if call.status < 300 else "tried"
            calls.append(call)
        streams.append(calls)
    yield from merged(streams)


def resources(attack: Attack) -> Iterator[Call]:
    """Dear questions, many of them, each asking for much."""
    catalogue = attack.ground.catalogue
    ((person, credential, address, agent),) = attack.accomplices(1)
    dear = [
        catalogue.operations[name] for name in catalogue.costly if person.role.name in catalogue.operations[name].roles
    ]
    if not dear:
        dear = [one for one in catalogue.of_role(person.role.name) if one.method == "GET"]
    operation = attack.chance.choice(dear)
    count = attack.count("calls", 800, 400, 200)
    for when in paced(attack.chance, attack.campaign.start, attack.pick("wait_s", 0.2, 2, 12) * SECOND, count):
        call = attack.call(
            when,
            operation,
            address,
            agent,
            credential,
            amount=attack.pick("amount", 30, 15, 8),
            query={"size": str(attack.chance.randrange(1000, 10_000))},
            by=person.name,
        )
        call.harm = "succeeded" if call.status < 300 else "tried"
        yield call


def mixed(attack: Attack) -> Iterator[Call]:
    """One attacker who looks around, tries passwords, then reads what is others', from changing addresses."""
    attack.tool = attack.rare_agent()
    parts = (islice(scanning(attack), 80), islice(stuffing(attack), 200), islice(enumeration(attack), 60))
    yield from heapq.merge(*parts, key=lambda call: call.time)
