"""Functions of others: operations that nobody of the caller's role uses."""

from __future__ import annotations

from stockade.detect.behaviour.detectors.sight import Sight, last_part
from stockade.detect.behaviour.known import sureness
from stockade.detect.behaviour.signals import Abuse, Signal

ENOUGH = 12
"""Actors of a role that must be known before something is strange for it."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen, operation, role, actor = sight.seen, sight.operation, sight.role, sight.actor
    if seen.anonymous or not seen.known:
        return
    done = 200 <= seen.status < 400
    bit = 1 << (operation.number % 512)
    if not actor.new_functions & bit and not actor.used & bit:
        mine = operation.roles.get(role.number, 0).bit_count()
        if mine < 2 and role.actors >= ENOUGH:
            actor.new_functions |= bit
            others = sum(bits.bit_count() for number, bits in operation.roles.items() if number != role.number)
            _tell(sight, done, others, 0.5 if mine else 1.0)
    if sight.learn and done:
        operation.users |= 1 << (sight.number % 256)
        operation.roles[role.number] = operation.roles.get(role.number, 0) | 1 << (sight.number % 64)


def _tell(sight: Sight, done: bool, others: int, share: float) -> None:
    seen = sight.seen
    if done:
        weight = 3.2 if others else 1.0
    elif seen.status in (401, 403, 404, 405):
        weight = 2.6 if others else 1.6
    else:
        return
    count = sight.actor.new_functions.bit_count()
    whose = "others use" if others else "nobody uses"
    sight.signals.append(
        Signal(
            seen.actor,
            Abuse.FUNCTION_PROBING,
            "functions.new",
            weight * share,
            13.0,
            f"{count} operations that role `{seen.role}` never uses, last {last_part(seen.operation)}, which {whose} "
            f"({'it was answered' if done else f'refused with {seen.status}'}); none is usual",
            count,
            0,
            sure=sureness(sight.role.events, 150),
        )
    )
