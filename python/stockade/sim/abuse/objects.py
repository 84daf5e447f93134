"""What is another's: objects of others, functions of others, tokens of others."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.sim.abuse.campaign import HOUR, SECOND, Attack, merged, paced
from stockade.sim.call import Call
from stockade.sim.population import an_address


def enumeration(attack: Attack) -> Iterator[Call]:
    """Objects of others, one after another (BOLA, API1:2023).

    Variants: `sequential` (default), `leaked` (ids from a list), `distributed` (over many accounts), `denied` (mostly
    refused, then not).
    """
    readers = attack.foreign_readers()
    if not readers:
        return
    operation = attack.chance.choice(readers)
    parameter = operation.parameters[-1]
    every = attack.ground.people.ids[parameter]
    distributed = attack.campaign.variant == "distributed"
    accounts = attack.accomplices(attack.count("accounts", 60, 60, 60) if distributed else 1)
    objects = attack.count("objects", 40, 15, 8) if distributed else attack.count("objects", 300, 200, 80)
    wait = attack.pick("wait_s", 0.5, 20, 150) * SECOND * (10 if distributed else 1)
    begin = attack.chance.randrange(len(every))
    streams = []
    for place, (person, credential, address, agent) in enumerate(accounts):
        start = attack.campaign.start + attack.chance.uniform(0, 60) * SECOND
        calls = []
        for number, when in enumerate(paced(attack.chance, start, wait, objects)):
            if attack.campaign.variant in ("leaked", "distributed"):
                value = attack.chance.choice(every)
            else:
                value = every[(begin + place * objects + number) % len(every)]
            status = 403 if attack.campaign.variant == "denied" and number % 30 != 29 else None
            call = attack.call(
                when, operation, address, agent, credential, objects={parameter: value}, status=status, by=person.name
            )
            if attack.ground.people.owners.get((parameter, value)) == person.name:
                call.harm = ""
            calls.append(call)
        streams.append(calls)
    yield from merged(streams)


def probing(attack: Attack) -> Iterator[Call]:
    """Functions of other roles, with an ordinary account (BFLA, API5:2023)."""
    ((person, credential, address, agent),) = attack.accomplices(1)
    catalogue = attack.ground.catalogue
    others = [
        one
        for one in catalogue.operations.values()
        if person.role.name not in one.roles and "anonymous" not in one.roles
    ]
    attack.chance.shuffle(others)
    # What is open is found sooner or later, and then used.
    others = sorted(others, key=lambda one: one.id in catalogue.flaws and attack.chance.random() < 0.5)
    found = [one for one in others if one.id in catalogue.flaws]
    planned = others[: attack.count("functions", 30, 16, 9)] + [one for one in found for _ in range(6)]
    for operation, when in zip(
        planned,
        paced(attack.chance, attack.campaign.start, attack.pick("wait_s", 0.5, 15, 120) * SECOND, len(planned)),
        strict=True,
    ):
        yield attack.call(when, operation, address, agent, credential, by=person.name)


def replay(attack: Attack) -> Iterator[Call]:
    """A stolen token, used from elsewhere while its owner goes on.

    Variants: `elsewhere` (default: other network and client), `near` (same client).
    """
    victims = attack.chance.sample(attack.people(), attack.count("victims", 6, 3, 1))
    streams = []
    for place, victim in enumerate(victims):
        credential = attack.ground.credential(victim, 80_000 + place)
        start = attack.campaign.start + place * attack.chance.uniform(100, 900) * SECOND
        mine = [one for one in attack.ground.catalogue.of_role(victim.role.name) if one.method == "GET"]
        calls = []
        # The owner: innocent.
        for when in paced(attack.chance, start, 30 * SECOND, 25):
            call = attack.call(
                when, attack.chance.choice(mine), victim.address, victim.agents[0], credential, by=victim.name
            )
            call.campaign = call.harm = ""
            calls.append(call)
        address = an_address(attack.chance)
        agent = victim.agents[0] if attack.campaign.variant == "near" else attack.rare_agent()
        wait = attack.pick("wait_s", 2, 12, 60) * SECOND
        begin = start + attack.pick("after_s", 200, 300, 600) * SECOND
        for when in paced(attack.chance, begin, wait, attack.count("calls", 120, 60, 25)):
            call = attack.call(when, attack.chance.choice(mine), address, agent, credential)
            call.harm = "data" if call.status < 300 else "tried"
            calls.append(call)
        streams.append(calls)
    yield from merged(streams)


def egress(attack: Attack) -> Iterator[Call]:
    """Somebody inside fetches far more of what is his to read than anybody does."""
    readers = [one for one in attack.ground.people.everybody if one.role.reads == "any"] or attack.people()
    person = attack.chance.choice(readers)
    credential = attack.ground.credential(person, 90_000)
    mine = [one for one in attack.ground.catalogue.of_role(person.role.name) if one.method == "GET"]
    operation = attack.chance.choice(mine)
    count = attack.count("calls", 900, 700, 500)
    hours = attack.pick("hours", 0.3, 1.5, 6)
    for when in paced(attack.chance, attack.campaign.start, hours * HOUR / count, count):
        call = attack.call(
            when,
            operation,
            person.address,
            person.agents[0],
            credential,
            amount=attack.pick("amount", 30, 15, 8),
            by=person.name,
        )
        call.harm = "data"
        yield call
