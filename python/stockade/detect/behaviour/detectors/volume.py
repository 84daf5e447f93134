"""Amounts: requests, objects, bytes and work of one actor against its role and its own habit."""

from __future__ import annotations

import math

from stockade.detect.behaviour.actors import METRICS, OBJECTS, PRIVATE, REQUESTS, distinct
from stockade.detect.behaviour.detectors.sight import Sight
from stockade.detect.behaviour.known import sureness
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import ALERT, Abuse, Signal

SHORT_US = 600_000_000
"""The short window: ten minutes."""

LONG_US = 86_400_000_000
"""The long window: a day."""

FLOORS = ((60.0, 25.0, 150_000.0, 8_000.0, 8.0), (400.0, 60.0, 800_000.0, 60_000.0, 15.0))
"""Amounts in the short and the long window that are never too much, whoever is usual there."""

CLASSES = (
    Abuse.RESOURCE_ABUSE,
    Abuse.SCRAPING,
    Abuse.DATA_EGRESS,
    Abuse.RESOURCE_ABUSE,
    Abuse.OBJECT_ENUMERATION,
)
"""What too much of each amount is."""

CAPS = (5.0, 11.0, 11.0, 11.0, 10.0)
"""Most that each amount may weigh: many requests alone prove nothing."""

NAMES = ("requests", "distinct objects", "bytes", "ms of work", "distinct objects that have owners")

NEW_PROGRAM = 0.6
"""How much is believed of the amounts of a program, or of somebody unproven, on its first day."""

SHORT_BITS, LONG_BITS = 512, 1024
"""Bits by which distinct objects are counted; half of each for those that have owners."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen, actor, role = sight.seen, sight.actor, sight.role
    short_at, long_at = seen.time // SHORT_US, seen.time // LONG_US
    if short_at != actor.short_at:
        actor.short_at, actor.short_bits = short_at, 0
        for metric in range(len(METRICS)):
            actor.short[metric] = 0.0
        if sight.learn:
            for spread in (*role.short, *sight.known.everybody.short):
                spread.begin(0.0)
    if long_at != actor.long_at:
        # What was only looked at twice may become a habit; what was told of may not.
        usual = sight.learn or actor.sum(seen.time) < ALERT
        for metric in range(len(METRICS)):
            actor.habit[metric] = max(actor.habit[metric] * 0.7, actor.long[metric] if usual else 0.0)
            actor.long[metric] = 0.0
        actor.long_at, actor.long_bits = long_at, 0
        if sight.learn:
            for spread in (*role.long, *sight.known.everybody.long):
                spread.begin(0.0)
    amounts = [1.0, 0.0, float(seen.bytes_out), seen.took_us / 1000.0, 0.0]
    new_short, new_long = [0.0] * 5, [0.0] * 5
    for template, value in seen.objects[:2] if seen.status < 400 else ():
        number = number_of(f"{template}/{value}")
        private = sight.known.is_private(template, seen.role)
        for bits_of, size, fresh in (("short_bits", SHORT_BITS, new_short), ("long_bits", LONG_BITS, new_long)):
            bits = getattr(actor, bits_of)
            half = size // 2
            if not bits >> (number % half) & 1:
                bits |= 1 << (number % half)
                fresh[OBJECTS] = 1.0
            if private and not bits >> (half + number % half) & 1:
                bits |= 1 << (half + number % half)
                fresh[PRIVATE] = 1.0
            setattr(actor, bits_of, bits)
    for metric, amount in enumerate(amounts):
        if metric in (OBJECTS, PRIVATE):
            if new_long[metric] or new_short[metric]:
                _raise(
                    sight,
                    metric,
                    _count(actor.short_bits, SHORT_BITS, metric),
                    _count(actor.long_bits, LONG_BITS, metric),
                )
        elif amount:
            _raise(sight, metric, actor.short[metric] + amount, actor.long[metric] + amount)


def _count(bits: int, size: int, metric: int) -> float:
    half = size // 2
    return distinct(bits & ((1 << half) - 1) if metric == OBJECTS else bits >> half, half)


def _raise(sight: Sight, metric: int, short: float, long: float) -> None:
    actor, role, known = sight.actor, sight.role, sight.known
    for span, (amounts, after) in enumerate(((actor.short, short), (actor.long, long))):
        before = amounts[metric]
        amounts[metric] = after
        mine = (role.short, role.long)[span][metric]
        everybody = (known.everybody.short, known.everybody.long)[span][metric]
        if sight.learn:
            mine.move(before, after)
            everybody.move(before, after)
        if after <= FLOORS[span][metric]:
            continue
        expected = max(mine.most(), FLOORS[span][metric])
        if mine.total < 40:
            expected = max(expected, everybody.most())
        # What somebody did on other days is no news; but nobody may grow without end.
        habit = actor.habit[metric] * (2.0 if span else 1.2)
        if habit:
            expected = max(expected, min(habit, expected * 40))
        if after > expected:
            sure = sureness(mine.total + everybody.total / 10)
            if (sight.seen.key or sight.seen.anonymous) and not habit:
                # Programs differ more than people: what one is for shows on its second day.
                sure *= NEW_PROGRAM
            _tell(sight, metric, span, after, expected, sure)


def _tell(sight: Sight, metric: int, span: int, observed: float, expected: float, sure: float) -> None:
    seen = sight.seen
    abuse = CLASSES[metric]
    if metric == REQUESTS and seen.objects:
        abuse = Abuse.SCRAPING
    window = ("10 minutes", "a day")[span]
    sight.signals.append(
        Signal(
            seen.actor,
            abuse,
            f"volume.{METRICS[metric]}",
            4.0 + 3.0 * math.log2(observed / expected),
            CAPS[metric],
            f"{observed:,.0f} {NAMES[metric]} in {window}; at most {expected:,.0f} are usual for role `{seen.role}`",
            round(observed, 1),
            round(expected, 1),
            adds=False,
            sure=sure,
        )
    )
