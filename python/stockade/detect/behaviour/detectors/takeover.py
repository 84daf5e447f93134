"""Takeover: a user from a network and with a client that were never this user's, after guessing, or along with others.

As in risk-based sign-in (Freeman and others, NDSS 2016), each thing that is new for the user counts little; together,
and with what is done next, they count much.
"""

from __future__ import annotations

import re
from functools import lru_cache

from stockade.detect.behaviour.actors import Actor, remember
from stockade.detect.behaviour.detectors.sight import Sight, last_part
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import ALERT, Abuse, Signal

HISTORY = 5
"""Exchanges of a user that make a history."""

COMMON = 3
"""Users at home with a client that looks the same, from which on the look is no trace."""

YOUNG_S = 86_400
"""Age below which a client's look is new to everybody, seconds."""

RARE = 0.004
"""Share of calls below which an operation that changes something is a rare one."""


@lru_cache(maxsize=10_000)
def family_of(agent: str) -> str:
    """A client's name without its version: an update makes no stranger."""
    return re.sub(r"[\d._+]+", "", agent)


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen, actor = sight.seen, sight.actor
    if not seen.subject or seen.key or seen.status >= 400:
        return
    look = number_of(seen.print)
    actor.networks, knows_network = remember(actor.networks, number_of(seen.network))
    actor.prints, knows_family = remember(actor.prints, number_of(family_of(seen.agent)))
    prints = sight.known.print_of(look, seen.time)
    client = f"client:{seen.address}|{seen.print}"
    bit = 1 << (sight.number % 64)
    now_s = seen.time // 1_000_000
    # Before a day has passed nobody can say what is older than a day.
    young = now_s - prints[0] < YOUNG_S < now_s - sight.known.since_s
    if actor.seen < HISTORY:
        _follow(sight, client)
        return
    if not knows_network and not knows_family:
        actor.stranger = look
        prints[2] |= bit
        others = prints[2].bit_count()
        _tell(sight, "takeover.new", 1.5, "network and client were never this user's; both new at once is rare", 1, 0)
        # A new version of a browser comes to people where they always were.
        if young and others > 3 * prints[1].bit_count():
            _tell(sight, "takeover.rare", 2.0, "nobody used such a client before today; most clients are older", 0, 1)
            if others >= 2:
                sentence = f"{others} users came from new places with the same new client; none usually do"
                _tell(sight, "takeover.together", 2.0 + others, sentence, others, 0)
            if others >= 3:
                _tell(sight, "takeover.together", 3.5 + 2 * others, sentence, others, 0, f"look:{seen.print}")
        _follow(sight, client)
    elif look == actor.stranger and seen.method != "GET":
        calls = sight.operation.calls / max(1, sight.known.everybody.events)
        if calls < RARE:
            name = last_part(seen.operation)
            _tell(sight, f"takeover.rare.{name}", 1.8, f"then {name}, {calls:.2%} of calls", 1, round(calls, 5))
    if knows_network and knows_family and look != actor.stranger and not prints[1] & bit:
        prints[1] |= bit


def _follow(sight: Sight, client: str) -> None:
    """Whether the client, its look or its address was guessing before; a look that many have says nothing."""
    seen = sight.seen
    if sight.known.print_of(number_of(seen.print), seen.time)[1].bit_count() >= COMMON:
        return
    for key, what in ((client, "client"), (f"print:{seen.print}", "look"), (f"address:{seen.address}", "address")):
        other = sight.actors.get(key)
        if other is None or not _guesses(other):
            continue
        sight.actor.link(key, f"used by the user at {seen.time}, after guessing")
        _tell(sight, "takeover.guessed", ALERT, f"comes from the same {what} that guessed passwords; none do", 1, 0)
        return


def _guesses(other: Actor) -> bool:
    score = (other.scores or {}).get(Abuse.CREDENTIAL_STUFFING)
    return score is not None and score.alerted > 0


def _tell(
    sight: Sight, detector: str, weight: float, sentence: str, observed: float, expected: float, whom: str = ""
) -> None:
    signal = Signal(
        whom or sight.seen.actor,
        Abuse.ACCOUNT_TAKEOVER,
        detector,
        weight,
        9.5,
        sentence,
        observed,
        expected,
        adds=False,
    )
    sight.signals.append(signal)
