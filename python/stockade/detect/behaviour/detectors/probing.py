"""Looking for what is there: distinct paths that the API has not, methods not meant, values that probe."""

from __future__ import annotations

from stockade.detect.behaviour.actors import distinct
from stockade.detect.behaviour.detectors.sight import Sight
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import Abuse, Signal

BITS = 256
"""Bits by which distinct bad paths are counted."""

POPULAR = 3
"""Actors that ask for the same bad path: then it is a broken link, and nobody's fault."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen = sight.seen
    if seen.detectors:
        _tell_findings(sight)
    if not _is_bad(sight):
        return
    actor = sight.actor
    number = number_of(f"{seen.method} {seen.path}")
    bit = 1 << (number % BITS)
    if actor.bad_paths & bit:
        return
    before = distinct(actor.bad_paths, BITS)
    actor.bad_paths |= bit
    count = distinct(actor.bad_paths, BITS)
    who = sight.known.bad_paths.get(number) or 0
    popular = who.bit_count() >= POPULAR
    if sight.learn:
        sight.known.bad_paths.put(number, who | 1 << (sight.number % 64))
        sight.role.bad.move(before, count)
    expected = max(4.0, sight.role.bad.most())
    if popular or count <= expected:
        return
    sight.signals.append(
        Signal(
            seen.actor,
            Abuse.RECONNAISSANCE,
            "probing.paths",
            1.2,
            12.0,
            f"{count:.0f} distinct paths or methods that the API has not; {expected:.0f} are usual",
            round(count, 1),
            round(expected, 1),
        )
    )


def _is_bad(sight: Sight) -> bool:
    seen = sight.seen
    if seen.refused_by:
        # Without credentials at a function that needs them: one is a mistake, many are a search.
        return seen.refused_by in ("route", "contract", "identity", "gateway")
    return seen.status in (404, 405, 501) and not (seen.known and seen.objects)


def _tell_findings(sight: Sight) -> None:
    seen = sight.seen
    sight.signals.append(
        Signal(
            seen.actor,
            Abuse.RECONNAISSANCE,
            "probing.values",
            2.0,
            8.0,
            f"values that look like {', '.join(seen.detectors)}; none is usual",
            len(seen.detectors),
            0,
        )
    )
