"""Business flows: steps left out, steps far too often, many users behind one client, and unusual orders of steps."""

from __future__ import annotations

import math

from stockade.detect.behaviour.detectors.sight import Sight, last_part
from stockade.detect.behaviour.detectors.volume import LONG_US
from stockade.detect.behaviour.known import sureness
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import Abuse, Signal

OPERATIONS = 12
"""Operations of one actor whose repeats are counted."""

FLOOR = 8
"""Repeats in a day that are never too many."""

PRECEDES = 0.98
"""Share of actors that used another operation before, from which on it counts as the step before."""

BITS = 512
"""Bits by which operations are remembered."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen, actor = sight.seen, sight.actor
    if seen.anonymous or seen.status >= 400 or not seen.status:
        return
    if seen.method not in ("GET", "HEAD", "OPTIONS"):
        _repeat(sight)
        _share(sight)
    number = sight.operation.number
    if not actor.used >> (number % BITS) & 1:
        _precede(sight)
        actor.used |= 1 << (number % BITS)
    _order(sight)


def _repeat(sight: Sight) -> None:
    seen, actor, operation = sight.seen, sight.actor, sight.operation
    if actor.repeats is None or actor.repeats.get(-1) != seen.time // LONG_US:
        actor.repeats = {-1: seen.time // LONG_US}
    count = actor.repeats.get(operation.number, 0)
    if count == 0 and len(actor.repeats) > OPERATIONS:
        return
    actor.repeats[operation.number] = count + 1
    if sight.learn:
        if count == 0:
            operation.repeats.begin(1.0)
        else:
            operation.repeats.move(count, count + 1)
    if count + 1 <= FLOOR:
        return
    expected = max(operation.repeats.most(), FLOOR)
    if count + 1 > expected:
        _tell(
            sight,
            seen.actor,
            "flow.repeats",
            3.5 + 3.0 * math.log2((count + 1) / expected),
            10.5,
            f"{count + 1} times {last_part(seen.operation)} in a day; at most {expected:.0f} are usual",
            count + 1,
            expected,
            sureness(operation.repeats.total),
        )


def _share(sight: Sight) -> None:
    """Many users at one client: a device that farms."""
    seen, known = sight.seen, sight.known
    client = number_of(f"{seen.address}|{seen.print}|{seen.operation}|{seen.time // LONG_US}")
    before = known.shared.get(client) or 0
    after = before | 1 << (sight.number % 64)
    if after == before:
        return
    known.shared.put(client, after)
    count = after.bit_count()
    if sight.learn:
        if before:
            known.sharing.move(count - 1, count)
        else:
            known.sharing.begin(1.0)
    expected = max(4.0, known.sharing.most())
    if count > expected:
        _tell(
            sight,
            f"device:{seen.address}|{seen.print}",
            "flow.shared",
            4.0 + 4.0 * math.log2(count / expected),
            11.0,
            f"{count} users did {last_part(seen.operation)} from one client in a day; at most {expected:.0f} are usual",
            count,
            expected,
            sureness(known.sharing.total),
        )


def _precede(sight: Sight) -> None:
    """The first time that an actor uses an operation: what everybody else had used before."""
    seen, actor, operation, names = sight.seen, sight.actor, sight.operation, sight.known.names
    count = operation.before.get(-1, 0)
    if count >= 25 and seen.known:
        for number, times in operation.before.items():
            if number >= 0 and times >= PRECEDES * count and not actor.used >> (number % BITS) & 1:
                share = times / count
                _tell(
                    sight,
                    seen.actor,
                    "flow.step",
                    min(3.0, math.log(0.9 / (1.02 - share))),
                    4.0,
                    f"{last_part(seen.operation)} without {last_part(names[number])} ever before; "
                    f"{share:.0%} of users had it",
                    0,
                    round(share, 3),
                    sureness(count),
                )
                break
    if sight.learn:
        operation.before[-1] = count + 1
        for number in range(min(len(names), BITS)):
            if actor.used >> number & 1:
                operation.before[number] = operation.before.get(number, 0) + 1


def _order(sight: Sight) -> None:
    """How surprising one step after another is, by what follows what in the role; backs off to how common a step is."""
    actor, role, number = sight.actor, sight.role, sight.operation.number
    before, actor.last_operation = actor.last_operation, number
    if before < 0 or before == number:
        return
    after = role.next.get(before)
    if after is None:
        if len(role.next) > BITS:
            return
        after = role.next[before] = {-1: 0}
    total, times = after[-1], after.get(number, 0)
    common = (sight.operation.calls + 0.5) / (sight.known.everybody.events + 10.0)
    surprise = -math.log2((times + 4.0 * common) / (total + 4.0))
    if sight.learn:
        after[-1] = total + 1
        after[number] = times + 1
        role.surprise += (surprise - role.surprise) / min(2000.0, role.events + 10.0)
    actor.surprise = max(0.0, actor.surprise + surprise - role.surprise - 3.0)
    if actor.surprise > 12.0 and role.events > 1000:
        _tell(
            sight,
            sight.seen.actor,
            "flow.order",
            2.0,
            2.5,
            f"steps in an order with {actor.surprise:.0f} bits more surprise than usual for role `{sight.seen.role}`",
            round(actor.surprise, 1),
            round(role.surprise, 1),
            1.0,
        )


def _tell(
    sight: Sight,
    whom: str,
    detector: str,
    weight: float,
    cap: float,
    sentence: str,
    observed: float,
    expected: float,
    sure: float,
) -> None:
    signal = Signal(
        whom, Abuse.FLOW_ABUSE, detector, weight, cap, sentence, observed, round(expected, 3), adds=False, sure=sure
    )
    sight.signals.append(signal)
