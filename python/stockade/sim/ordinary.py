"""What ordinary people do: sign in, follow a flow, think in between, come back with another address."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from stockade.sim.call import Call, Credential
from stockade.sim.catalogue import Flow, Operation
from stockade.sim.ground import Ground
from stockade.sim.population import Agent, Person, an_address

Start = tuple[float, str, int]
"""When a session begins, whose it is, and its number."""


def starts(ground: Ground) -> list[Start]:
    """All sessions of everybody, in order of time."""
    found: list[Start] = []
    for person in ground.people.everybody:
        chance = ground.chance("sessions", person.name)
        number = 0
        for day in range(int(ground.settings.days) + 1):
            expected = ground.settings.sessions * person.activity
            for _ in range(_poisson(expected, chance)):
                when = ground.moment(day, chance)
                if when < ground.end:
                    found.append((when, person.name, number))
                    number += 1
    return sorted(found)


def session(ground: Ground, start: Start) -> Iterator[Call]:
    """One session of a person, in order of time."""
    when, name, number = start
    person = ground.people.named[name]
    chance = ground.chance("session", name, number)
    settings = ground.settings
    address = person.address if chance.random() > settings.new_address else an_address(chance)
    agent = _agent(ground, person, when, chance)
    credential = ground.credential(person, number)
    if not credential.key:
        signed_in = False
        for call in sign_in(ground, person, when, address, agent, chance):
            yield call
            when, signed_in = call.time, call.status < 400
        if not signed_in:
            return
    flips = person.mobile and chance.random() < settings.flips
    # An app asks for much at once when it starts, then as its user goes.
    burst = chance.randrange(3, 12) if person.mobile else 0
    length = max(1, int(settings.pages * chance.lognormvariate(0, 0.8)))
    for place, operation in enumerate(steps(ground, person, length, chance)):
        wait_s = chance.uniform(0.02, 0.3) if place < burst else settings.think_s * chance.lognormvariate(0, 1.1)
        when += min(wait_s, 1200.0) * 1e6
        if flips and chance.random() < 0.2:
            address = an_address(chance)
        yield ordinary_call(ground, person, operation, when, address, agent, credential, chance)


def sign_in(
    ground: Ground, person: Person, when: float, address: str, agent: Agent, chance: random.Random
) -> Iterator[Call]:
    """Attempts to sign in, until one succeeds or the person gives up."""
    logins = ground.catalogue.login
    if not logins:
        return
    operation = ground.catalogue.operations[logins[0]]
    rate = ground.settings.forgetful_failures if person.forgetful else ground.settings.failures
    for _ in range(6):
        when += chance.uniform(2, 12) * 1e6
        fails = chance.random() < rate
        yield ground.call(
            when,
            operation,
            address=address,
            agent=agent,
            credential=None,
            chance=chance,
            status=401 if fails else 200,
            by=person.name,
            account=person.name,
        )
        if not fails:
            return


def ordinary_call(
    ground: Ground,
    person: Person,
    operation: Operation,
    when: float,
    address: str,
    agent: Agent,
    credential: Credential,
    chance: random.Random,
) -> Call:
    """One call of a session; some fail for reasons that are nobody's fault."""
    status = None
    if operation.id in ground.catalogue.guessing and chance.random() < 0.25:
        status = 422
    elif chance.random() < 0.004:
        status = chance.choice((404, 400, 500, 503))
    query = {"page": str(chance.choice((1, 1, 1, 2, 3)))} if "page" in operation.query else None
    return ground.call(
        when,
        operation,
        address=address,
        agent=agent,
        credential=credential,
        chance=chance,
        status=status,
        query=query,
        by=person.name,
    )


def steps(ground: Ground, person: Person, length: int, chance: random.Random) -> Iterator[Operation]:
    """Operations of one session, flow after flow."""
    flows = [flow for flow in ground.catalogue.flows if flow.role == person.role.name]
    done = 0
    while done < length:
        for operation in _steps(ground, person, flows, chance):
            yield operation
            done += 1


def _steps(ground: Ground, person: Person, flows: list[Flow], chance: random.Random) -> Iterator[Operation]:
    operations = ground.catalogue.operations
    if not flows:
        # A catalogue that tells no flows: people read, mostly, and what they use is drawn for each seed.
        mine = ground.catalogue.of_role(person.role.name)
        habits = ground.chance("habits", person.role.name)
        weights = [(3.0 if one.method == "GET" else 0.6) * habits.lognormvariate(0, 0.8) for one in mine]
        yield from chance.choices(mine, weights, k=4) if mine else chance.sample(list(operations.values()), 1)
        return
    flow = chance.choices(flows, [one.weight for one in flows])[0]
    for step in flow.steps:
        times = 1
        if step.endswith("*"):
            times = min(20, 1 + int(chance.expovariate(0.5)))
        elif step.endswith("?"):
            times = int(chance.random() < 0.4)
        for _ in range(times):
            yield operations[step.rstrip("*?")]


def _agent(ground: Ground, person: Person, when: float, chance: random.Random) -> Agent:
    agent = person.agents[0] if len(person.agents) == 1 or chance.random() < 0.85 else person.agents[1]
    # Browsers move on to a new version, each person at another moment.
    churn = ground.chance("churn", agent.user_agent)
    if person.role.credential == "token" and churn.random() < 0.3:
        turn = (
            ground.settings.start + (ground.end - ground.settings.start) * ground.chance("turn", person.name).random()
        )
        if when > turn:
            return replace(agent, user_agent=f"{agent.user_agent}+1")
    return agent


def _poisson(expected: float, chance: random.Random) -> int:
    count, left = 0, chance.expovariate(1.0)
    while left < expected and count < 50:
        count += 1
        left += chance.expovariate(1.0)
    return count
