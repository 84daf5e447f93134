"""Guessing: passwords, leaked pairs and codes, by how often the API says no to one client, address, network or look.

Each of these keeps a cumulative sum of log-likelihood ratios (CUSUM; Page, 1954): up at a no, down at a yes, never
below nought. People who mistype succeed soon; programs that guess do not.
"""

from __future__ import annotations

import math

from stockade.detect.behaviour.actors import Actor
from stockade.detect.behaviour.detectors.sight import Sight, last_part
from stockade.detect.behaviour.known import Operation, is_failure
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import Abuse, Signal

GUESSING = 0.96
"""Share of no where somebody guesses."""

MISTYPING = 0.5
"""Share of no where somebody forgot, at least: one no makes the next likelier."""

WORDS = ("login", "signin", "sign-in", "token", "session", "auth", "otp", "verify", "password", "recover", "credential")
"""Words in names of operations by which people prove who they are."""

OPERATIONS = 8
"""Operations of one actor at which guessing is followed."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen, operation = sight.seen, sight.operation
    if seen.method not in ("POST", "PUT") or seen.refused_by not in ("", "upstream") or seen.status >= 500:
        return
    failed = is_failure(seen)
    signs_in = seen.anonymous and is_sign_in(seen.operation, operation)
    own = max(MISTYPING, min(0.85, operation.failing * 1.5))
    first = _count(sight.actor, operation.number, failed, own, signs_in)
    suspected = _sign_in(sight, failed, first) if signs_in else False
    if failed:
        guesses = (sight.actor.guesses or {}).get(operation.number)
        if guesses and guesses[0] > 1.0 and guesses[1] >= 5 and not is_broken(operation):
            _tell(sight, seen.actor, guesses, operation, signs_in, "guessing.client", "one client")
    if sight.learn and not suspected and (first or not failed or not signs_in):
        operation.failing += (float(failed) - operation.failing) / min(400.0, operation.calls + 20.0)
        operation.tried += failed


def is_sign_in(name: str, operation: Operation) -> bool:
    """Whether callers prove who they are at an operation: by its name, or because it says no to the unproven."""
    lower = name.lower()
    if operation.anonymous < 0.8 * operation.calls:
        return False
    return any(word in lower for word in WORDS) or operation.tried >= 10


def is_broken(operation: Operation) -> bool:
    """Whether the API itself says no to clients that succeeded before: then nobody is to blame."""
    return operation.familiar_failing > max(0.6, 3 * operation.failing)


def _count(actor: Actor, number: int, failed: bool, usual: float, signs_in: bool) -> bool:
    """Take one attempt into the sum of an actor; whether it is the actor's first no for a while."""
    if actor.guesses is None:
        if not failed:
            return False
        actor.guesses = {}
    guesses = actor.guesses.get(number)
    if guesses is None:
        if not failed:
            return False
        if len(actor.guesses) >= OPERATIONS:
            actor.guesses.pop(next(iter(actor.guesses)))
        guesses = actor.guesses[number] = [0.0, 0.0, 0.0]
    step = math.log(GUESSING / usual) if failed else math.log((1 - GUESSING) / (1 - usual))
    guesses[0] = max(0.0, guesses[0] + step)
    guesses[2] += 1.0
    guesses[1] = guesses[1] + 1.0 if failed else (0.0 if guesses[0] == 0.0 else guesses[1])
    return failed and guesses[1] == 1.0


def _sign_in(sight: Sight, failed: bool, first: bool) -> bool:
    """Take one attempt into the sums of address, network and look.

    A client's further no's count there no more: one person who forgot is one.

    Returns:
        Whether one of these is suspected, so that nothing is learned from it.
    """
    seen, operation, known = sight.seen, sight.operation, sight.known
    source, look = number_of(f"{seen.network}|{seen.print}"), number_of(seen.print)
    familiar = known.sources.get(source) is not None
    if familiar:
        operation.familiar_failing += (float(failed) - operation.familiar_failing) / 25.0
    if not failed:
        if sight.learn:
            known.sources.put(source, seen.time // 1_000_000)
    elif not first:
        return True
    known.print_of(look, seen.time)
    usual = max(0.2, min(0.6, operation.failing * 1.6))
    # Where somebody is known to succeed, a no is nothing.
    groups = [(f"address:{seen.address}", "guessing.address", "one address")]
    groups.append((f"print:{seen.print}", "guessing.print", "clients that look the same"))
    groups.append((f"network:{seen.network}", "guessing.network", "one network"))
    suspected = False
    for key, detector, whom in groups:
        group = sight.actors.at(key, "group", seen.time)
        _count(group, operation.number, failed, usual, True)
        guesses = (group.guesses or {}).get(operation.number)
        suspected = suspected or (guesses is not None and guesses[0] > 3.0)
        if failed and guesses and guesses[0] > 2.0 and guesses[1] >= 4 and not is_broken(operation):
            _tell(sight, key, guesses, operation, True, detector, whom)
    return suspected


def _tell(
    sight: Sight, whom: str, guesses: list[float], operation: Operation, signs_in: bool, detector: str, name: str
) -> None:
    seen = sight.seen
    sight.signals.append(
        Signal(
            whom,
            Abuse.CREDENTIAL_STUFFING if signs_in else Abuse.FLOW_ABUSE,
            detector,
            guesses[0],
            13.0,
            f"{guesses[1]:.0f} of {guesses[2]:.0f} attempts of {name} at {last_part(seen.operation)} failed; "
            f"{operation.failing:.0%} usually do",
            guesses[1],
            round(operation.failing, 3),
            adds=False,
        )
    )
