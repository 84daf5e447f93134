"""Sign-ins by those who do not know the password: stuffing, spraying, brute force, and what follows a success."""

from __future__ import annotations

from collections.abc import Iterator

from stockade.sim.abuse.campaign import HOUR, SECOND, Attack, paced
from stockade.sim.call import Call, Credential
from stockade.sim.population import Agent, Person


def stuffing(attack: Attack) -> Iterator[Call]:
    """Leaked pairs of name and password, from one address or from very many.

    Variants: `rare` (default), `common` and `rotating` clients.
    """
    attempts = attack.count("attempts", 600, 900, 500)
    addresses = attack.addresses(attack.count("addresses", 1, 80, 400))
    hours = attack.pick("hours", 0.1, 1.5, 8)
    success = float(attack.campaign.told.get("success", attack.chance.uniform(0.004, 0.012)))
    yield from _attempts(attack, attempts, addresses, hours, success, tries=1)


def spraying(attack: Attack) -> Iterator[Call]:
    """A few passwords against very many accounts."""
    attempts = attack.count("attempts", 500, 450, 300)
    addresses = attack.addresses(attack.count("addresses", 1, 40, 200))
    hours = attack.pick("hours", 0.3, 2, 10)
    yield from _attempts(attack, attempts, addresses, hours, 0.01, tries=2)


def brute_force(attack: Attack) -> Iterator[Call]:
    """Many passwords, or codes, against one account."""
    victim = attack.chance.choice(attack.people())
    addresses = attack.addresses(attack.count("addresses", 1, 30, 120))
    attempts = attack.count("attempts", 700, 500, 300)
    hours = attack.pick("hours", 0.1, 1, 6)
    yield from _attempts(attack, attempts, addresses, hours, 0.004, tries=1, victim=victim)


def takeover(attack: Attack) -> Iterator[Call]:
    """Stolen passwords that are right at once; then the thief makes the account his own.

    Variants: `naive` (default), `vpn` and `targeted`.
    """
    agent = attack.rare_agent()
    victims = attack.chance.sample(attack.people(), min(len(attack.people()), attack.count("victims", 12, 8, 4)))
    when = float(attack.campaign.start)
    for victim in victims:
        when += attack.pick("gap_s", 60, 400, 2400) * SECOND
        address = attack.addresses(1)[0]
        client = victim.agents[0] if attack.campaign.variant == "targeted" else agent
        login = attack.ground.catalogue.login
        if login:
            operation = attack.ground.catalogue.operations[login[0]]
            for _ in range(attack.chance.randrange(0, 3)):
                yield attack.call(when, operation, address, client, None, status=401, account=victim.name)
                when += 5 * SECOND
            call = attack.call(when, operation, address, client, None, status=200, account=victim.name)
            call.harm = "succeeded"
            yield call
            if call.refused_by:
                continue
        yield from _made_own(attack, when, victim, address, client)


def _attempts(
    attack: Attack,
    attempts: int,
    addresses: list[str],
    hours: float,
    success: float,
    *,
    tries: int,
    victim: Person | None = None,
) -> Iterator[Call]:
    login = attack.ground.catalogue.login
    if not login:
        return
    operation = attack.ground.catalogue.operations[login[0]]
    agents = attack.agents("rare")
    everybody = attack.people()
    pending: list[Call] = []
    for place, when in enumerate(paced(attack.chance, attack.campaign.start, hours * HOUR / attempts, attempts)):
        account = victim or everybody[place // tries % len(everybody)]
        known = victim is not None or attack.chance.random() < 0.4
        works = known and attack.chance.random() < success / (1 if victim else 0.4)
        address, agent = addresses[place % len(addresses)], agents()
        call = attack.call(
            when,
            operation,
            address,
            agent,
            None,
            status=200 if works else 401,
            account=account.name if known else f"leaked-{place}",
        )
        call.harm = "succeeded" if works else "tried"
        while pending and pending[0].time <= call.time:
            yield pending.pop(0)
        yield call
        # Whoever is stopped at the door takes nothing over.
        if works and not call.refused_by:
            follow = list(_made_own(attack, when + 60 * SECOND, account, address, agent))
            pending = sorted([*pending, *follow], key=lambda one: one.time)
    yield from pending


def _made_own(attack: Attack, when: float, victim: Person, address: str, agent: Agent) -> Iterator[Call]:
    credential = Credential(
        victim.name, victim.role.name, f"x-{attack.campaign.id}-{victim.name}", f"xs-{attack.campaign.id}-{victim.name}"
    )
    for name in attack.ground.catalogue.takeover:
        when += attack.chance.uniform(2, 20) * SECOND
        operation = attack.ground.catalogue.operations[name]
        call = attack.call(when, operation, address, agent, credential)
        call.harm = "data" if call.status < 300 else "tried"
        yield call
