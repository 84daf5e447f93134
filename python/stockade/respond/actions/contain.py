"""Whom to act against, and how: the narrowest selectors that cover an attack, by whom else they would hit.

Pure: recent traffic and an alert go in, measures come out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from stockade.model.decision import DecisionAction
from stockade.respond.actions.selectors import Seen, fits

LADDER_S = (600, 3600, 6 * 3600, 24 * 3600)
"""How long a measure lasts the first time, the second, and so on, seconds."""

SHARED_S = 300
"""How long a measure against something that good actors share lasts, seconds."""

SHARED = 3
"""Good actors from which on an address is shared."""

COVER = 0.8
"""Share of the attack's recent exchanges that a selector must cover."""

GOOD_SHARE = 0.005
"""Share of good actors that one measure may touch at most, and only to ask them for proof or to slow them."""

INDEXED = ("address", "network", "agent", "subject", "key", "token", "session")
"""Attributes by which recent exchanges are found."""

COUNT_EVERY = 2000
"""Exchanges after which good actors are counted anew."""

RECENT = 20_000
"""Exchanges in which whom else a measure hits is counted."""


class Exchange(Seen, Protocol):
    """One exchange of recent traffic."""

    actor: str
    anonymous: bool
    network: str
    print: str
    status: int
    time: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """Whom an alert is about."""

    actor: str
    """`kind:id`, as detectors name it."""
    abuse: str
    """Class of abuse."""
    seen: Exchange
    """The exchange that made the alert."""
    sharers: int = 0
    """Users who are known to have a client that looks like the suspect's."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to do."""

    selector: Mapping[str, str]
    """Against whom."""
    action: DecisionAction
    """What."""
    seconds: int
    """For how long."""
    collateral: int
    """Good actors of recent traffic that it would have hit."""
    covers: float
    """Share of the attack's recent exchanges that it would have hit."""
    why: str
    """How it was chosen, for people."""


class Traffic:
    """Recent traffic, by which collateral is counted.

    Args:
        is_good: whether nothing is said against an actor.
        most: exchanges remembered.
    """

    def __init__(self, is_good: Callable[[str], bool], most: int = RECENT) -> None:
        self._is_good = is_good
        self._most = most
        self._seen: deque[Exchange] = deque()
        self._by: dict[str, dict[str, deque[Exchange]]] = {name: {} for name in INDEXED}
        self._good = 0
        self._counted = -COUNT_EVERY
        self._added = 0

    def add(self, seen: Exchange) -> None:
        """Remember an exchange, and forget the oldest when there are too many."""
        self._added += 1
        self._seen.append(seen)
        for name, table in self._by.items():
            value = _indexed(seen, name)
            if value:
                table.setdefault(value, deque()).append(seen)
        if len(self._seen) > self._most:
            oldest = self._seen.popleft()
            for name, table in self._by.items():
                value = _indexed(oldest, name)
                if value:
                    mine = table[value]
                    mine.popleft()
                    if not mine:
                        del table[value]

    def _near(self, selector: Mapping[str, str]) -> Collection[Exchange]:
        """Exchanges among which are all that a selector fits."""
        found: Collection[Exchange] = self._seen
        for name, value in selector.items():
            if name in self._by and "/" not in value[:64]:
                mine: Collection[Exchange] = self._by[name].get(value, ())
                if len(mine) < len(found):
                    found = mine
            elif name == "header:user-agent":
                mine = self._by["agent"].get(value, ())
                if len(mine) < len(found):
                    found = mine
        return found

    def of(self, suspect: Suspect, most: int = 200) -> list[Exchange]:
        """The suspect's newest exchanges."""
        kind, seen = suspect.actor.partition(":")[0], suspect.seen
        name = {"print": "agent", "look": "agent", "network": "network", "subject": "subject", "key": "key"}.get(
            kind, "address"
        )
        mine = self._by[name].get(_indexed(seen, name), ())
        found = []
        for one in reversed(mine):
            if is_of(suspect.actor, one):
                found.append(one)
                if len(found) >= most:
                    break
        return found

    def collateral(self, selector: Mapping[str, str], suspect: Suspect) -> int:
        """Good actors that a selector hits beside the suspect, of those that were answered well."""
        hit = {
            seen.actor
            for seen in self._near(selector)
            if seen.status < 400 and fits(selector, seen) and not is_of(suspect.actor, seen)
        }
        return sum(self._is_good(actor) for actor in hit)

    def own_use(self, selector: Mapping[str, str], suspect: Suspect) -> int:
        """Exchanges of the same user that are not the suspect's: what the victim does."""
        mine = self._by["subject"].get(suspect.seen.subject, ())
        return sum(1 for seen in mine if seen.network != suspect.seen.network and fits(selector, seen))

    def good(self) -> int:
        """Good actors in it; counted anew now and then."""
        if self._added - self._counted >= COUNT_EVERY:
            self._counted = self._added
            self._good = sum(self._is_good(actor) for actor in {seen.actor for seen in self._seen if seen.status < 400})
        return self._good


def _indexed(seen: Exchange, name: str) -> str:
    return str(getattr(seen, name))


def is_of(actor: str, seen: Exchange) -> bool:
    """Whether an exchange is an actor's, whatever kind of actor it is.

    Whoever has proven who it is, or succeeds, is no part of an address, a network or a look that guesses.
    """
    kind, _, name = actor.partition(":")
    match kind:
        case "address":
            return seen.address == name and seen.anonymous and seen.status >= 400
        case "network":
            return seen.network == name and seen.anonymous and seen.status >= 400
        case "print":
            return seen.print == name and seen.anonymous and seen.status >= 400
        case "look":
            return seen.print == name
        case "client":
            return seen.anonymous and f"{seen.address}|{seen.print}" == name
        case "device":
            return f"{seen.address}|{seen.print}" == name
        case "replay":
            return f"{seen.token or seen.session}|{seen.address}|{seen.print}" == name
        case _:
            return seen.actor == actor


def candidates(suspect: Suspect) -> list[dict[str, str]]:
    """Selectors that could stop a suspect, the narrowest first."""
    seen = suspect.seen
    at = {"api": seen.api} if seen.api else {}
    operation = {"operation": seen.operation.partition(" ")[2]} if " " not in seen.operation.partition(" ")[2] else {}
    agent = {"header:user-agent": seen.agent} if seen.agent and len(seen.agent) < 250 else {}
    address = {"address": seen.address}
    kind = suspect.actor.partition(":")[0]
    if kind == "replay":
        token = {"token": seen.token} if seen.token else {"session": seen.session}
        return [{**token, **address, **agent}, {**token, **agent}, {**token, **address}, token]
    if suspect.abuse == "account_takeover" and seen.subject:
        subject = {"subject": seen.subject, **at}
        return [{**subject, **address, **agent}, {**subject, **agent}, {**subject, **address}, subject]
    if seen.subject and kind == "subject":
        return [{"subject": seen.subject, **at}]
    if seen.key and kind == "key":
        return [{"key": seen.key, **at}]
    guesses = operation if suspect.abuse in ("credential_stuffing", "flow_abuse") else {}
    if kind in ("print", "look"):
        return [{**agent, **guesses, **at}] if agent else []
    if kind == "network":
        return [{"address": f"{seen.network}.0.0/16", **guesses, **agent, **at}] if ":" not in seen.network else []
    if kind == "address":
        return [{**address, **agent, **guesses, **at}, {**address, **guesses, **at}]
    return [{**address, **agent, **guesses, **at}, {**address, **guesses, **at}]


def measure(suspect: Suspect, traffic: Traffic, times: Callable[[Mapping[str, str]], int]) -> Measure | None:
    """Choose what to do about a suspect.

    Args:
        suspect: whom.
        traffic: recent traffic.
        times: how often a selector was acted against lately.

    Returns:
        None when nothing that is allowed would help: then the alert is for people.
    """
    attack = traffic.of(suspect)
    if suspect.abuse == "account_takeover" and suspect.actor.startswith("subject:"):
        # What the owner of the account does is no part of it.
        attack = [seen for seen in attack if seen.print == suspect.seen.print and seen.network == suspect.seen.network]
    attack = attack or [suspect.seen]
    good = max(1, traffic.good())
    best: Measure | None = None
    for selector in candidates(suspect):
        covers = sum(fits(selector, seen) for seen in attack) / len(attack)
        if covers < COVER and best is not None:
            continue
        hit = traffic.collateral(selector, suspect)
        if suspect.seen.subject and "subject" not in selector and suspect.abuse in ("token_replay",):
            hit += min(1, traffic.own_use(selector, suspect))
        if suspect.abuse == "account_takeover":
            hit += min(1, traffic.own_use(selector, suspect))
        if suspect.actor.startswith(("print:", "look:", "device:")):
            hit = max(hit, suspect.sharers)
        found = _choose(suspect, selector, hit, covers, good, times(selector))
        if found is None:
            continue
        if best is None or _rank(found) > _rank(best):
            best = found
    return best


def _choose(
    suspect: Suspect, selector: Mapping[str, str], hit: int, covers: float, good: int, times: int
) -> Measure | None:
    seconds = LADDER_S[min(times, len(LADDER_S) - 1)]
    shared = not any(name in selector for name in ("subject", "key", "session", "token"))
    if hit == 0:
        # An address that nobody good uses today may be somebody's tomorrow.
        return Measure(
            selector, DecisionAction.BLOCK, min(seconds, 3600) if shared else seconds, 0, covers, "hits nobody else"
        )
    told = f"{hit} of {good} good actors share it"
    if not shared:
        return Measure(selector, DecisionAction.BLOCK, seconds, hit, covers, told) if hit <= 1 else None
    if set(selector) <= {"address", "api", "operation"} and hit >= SHARED:
        return Measure(selector, DecisionAction.SLOW_DOWN, SHARED_S, hit, covers, f"{told}: only slowed, briefly")
    if hit > max(1, GOOD_SHARE * good):
        return Measure(selector, DecisionAction.WATCH, SHARED_S, hit, covers, f"{told}: too many to act against")
    action = DecisionAction.CHALLENGE if suspect.abuse == "credential_stuffing" else DecisionAction.SLOW_DOWN
    return Measure(selector, action, min(seconds, 3600), hit, covers, told)


_STRENGTH = {
    DecisionAction.WATCH: 0,
    DecisionAction.SLOW_DOWN: 1,
    DecisionAction.CHALLENGE: 2,
    DecisionAction.BLOCK: 3,
}


def _rank(found: Measure) -> tuple[bool, int, float, int]:
    return found.covers >= COVER, _STRENGTH.get(found.action, 0), -found.collateral, len(found.selector)
