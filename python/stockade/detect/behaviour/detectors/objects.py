"""Objects of others: who was first seen with an object, who comes to it later, and who walks along ids."""

from __future__ import annotations

import math

from stockade.detect.behaviour.actors import OBJECTS, distinct
from stockade.detect.behaviour.detectors.sight import Sight, last_part
from stockade.detect.behaviour.detectors.volume import NEW_PROGRAM
from stockade.detect.behaviour.known import Kind, sureness
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import Abuse, Signal

FOREIGN_BITS = 256
"""Bits by which distinct objects of others are counted."""

STEP = 5
"""How far the next id may be: some are missing."""

RUN = 6
"""Ids one after the other that are never too many."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen, known = sight.seen, sight.known
    if not seen.objects:
        return
    template, value = seen.objects[0]
    for template, value in seen.objects[:2]:
        if 200 <= seen.status < 400:
            _visit(sight, template, value)
        elif seen.status in (403, 404) and seen.refused_by != "identity" and not seen.anonymous:
            _denied(sight, template, value)
    if value.isdigit() and len(value) < 16:
        _walk(sight, template, int(value), known.is_private(template, seen.role))


def _visit(sight: Sight, template: str, value: str) -> None:
    seen, known = sight.seen, sight.known
    if seen.anonymous:
        return
    number, who = number_of(f"{template}/{value}"), sight.number & 0xFFFFFF00 | sight.role.number & 0xFF
    owner = known.owners.get(number)
    kind = known.kind(template, seen.role)
    taken = owner is not None and owner != who and known.flagged.get(owner & 0xFFFFFF00) is not None
    if owner is None or taken or (owner != who and not known.owns(template, owner & 0xFF)):
        # Nobody's yet, or first seen with somebody whose job it is to look at what is others'.
        if sight.learn:
            known.owners.put(number, who)
        return
    if owner == who:
        if sight.learn:
            was = kind.is_private()
            kind.own += 1.0
            kind.subjects |= 1 << (sight.number % 128)
            _changed(sight, template, kind, was)
        return
    bit = 1 << (number % FOREIGN_BITS)
    again = bool(sight.actor.foreign & bit)
    sight.actor.foreign |= bit
    share = kind.foreign_share()
    count = distinct(sight.actor.foreign, FOREIGN_BITS)
    # In a large catalogue of everybody's, who looks at much comes to some that another saw first.
    by_chance = 3.0 * share * sight.actor.long[OBJECTS]
    if not again and count > by_chance and known.is_private(template, seen.role):
        sight.signals.append(
            Signal(
                seen.actor,
                Abuse.OBJECT_ENUMERATION,
                "objects.foreign",
                max(0.0, min(3.2, math.log(0.9 / share))),
                13.0,
                f"{count:.0f} objects of `{template}` that were first seen with others; "
                f"{share:.1%} of visits of role `{seen.role}` go to such",
                round(count, 1),
                round(share, 4),
                sure=sureness(kind.total()),
            )
        )
    if sight.learn:
        was = kind.is_private()
        kind.visit_of_another(seen.time // 86_400_000_000)
        if kind.total() > 20_000:
            kind.own, kind.foreign = kind.own / 2, kind.foreign / 2
        _changed(sight, template, kind, was)


def _changed(sight: Sight, template: str, kind: Kind, was: bool) -> None:
    kind.settle()
    now = kind.is_private()
    if now != was:
        private = sight.known.private
        count = private.get(template, 0) + (1 if now else -1)
        if count > 0:
            private[template] = count
        else:
            private.pop(template, None)


def _denied(sight: Sight, template: str, value: str) -> None:
    seen, actor = sight.seen, sight.actor
    bit = 1 << (number_of(f"{template}/{value}") % 128)
    if actor.denied & bit:
        return
    actor.denied |= bit
    count = distinct(actor.denied, 128)
    if count < 3.5:
        return
    sight.signals.append(
        Signal(
            seen.actor,
            Abuse.OBJECT_ENUMERATION,
            "objects.denied",
            1.0,
            10.0,
            f"{count:.0f} objects of `{template}` asked for that the caller may not see or that are not there; "
            "people meet 3 of these",
            round(count, 1),
            3.0,
            sure=sureness(sight.role.events, 100),
        )
    )


def _walk(sight: Sight, template: str, value: int, private: bool) -> None:
    seen, actor, role = sight.seen, sight.actor, sight.role
    step = value - actor.last_number
    if 1 <= step <= STEP:
        actor.run += 1
    elif step != 0:
        actor.run = 0
    actor.last_number = value
    before = actor.longest
    if actor.run <= before:
        return
    actor.longest = actor.run
    if sight.learn:
        role.runs.move(before, actor.run)
    expected = max(RUN, role.runs.most())
    if actor.run <= expected:
        return
    sight.signals.append(
        Signal(
            seen.actor,
            Abuse.OBJECT_ENUMERATION if private else Abuse.SCRAPING,
            "objects.walk",
            2.0 + 2.5 * math.log2(actor.run / expected),
            9.5,
            f"{actor.run} ids of `{template}` one after the other at {last_part(seen.operation)}; "
            f"at most {expected:.0f} are usual for role `{seen.role}`",
            actor.run,
            round(expected, 1),
            adds=False,
            sure=sureness(role.actors, 10) * (NEW_PROGRAM if seen.key or seen.anonymous else 1.0),
        )
    )
