"""Replay: one token from two networks with two clients, above all while both are in use."""

from __future__ import annotations

from stockade.detect.behaviour.detectors.sight import Sight
from stockade.detect.behaviour.observation import number_of
from stockade.detect.behaviour.signals import Abuse, Signal

TOGETHER_S = 900
"""Seconds within which two uses are at the same time."""

RETURNS = 4
"""Times that a token comes back to a network it had left, beyond which phones do not go."""


def observe(sight: Sight) -> None:
    """See one exchange."""
    seen = sight.seen
    token = seen.token or (seen.session if not seen.key else "")
    if not token or seen.refused_by == "identity":
        return
    network, look, now = number_of(seen.network), number_of(seen.print), seen.time // 1_000_000
    uses = sight.known.tokens.get(token)
    if uses is None:
        sight.known.tokens.put(token, [network, look, now, network, 0, 0])
        return
    first_network, first_look, first_at, last_network, returns, elsewhere = uses
    if network == first_network or look == first_look:
        uses[2] = now
        if network != last_network:
            uses[3] = network
            if network == first_network:
                uses[4] = returns = returns + 1
            if returns > RETURNS and elsewhere == 0:
                _tell(
                    sight,
                    "replay.back",
                    1.0,
                    5.0,
                    f"came back {returns} times to a network it had left; phones do not",
                    returns,
                )
        return
    uses[5] = elsewhere + 1
    together = now - first_at < TOGETHER_S
    when = "while the first is in use" if together else f"{(now - first_at) // 60} minutes after the first"
    sentence = f"token used from another network with another client {when}; each token has one client"
    _tell(sight, "replay.two", (7.0 if together else 4.5) if elsewhere == 0 else 1.3, 12.0, sentence, 2)


def _tell(sight: Sight, detector: str, weight: float, cap: float, sentence: str, observed: float) -> None:
    seen = sight.seen
    # About the place and the client, not the user: it is the user's token that was stolen.
    whom = f"replay:{seen.token or seen.session}|{seen.address}|{seen.print}"
    if detector == "replay.back":
        whom = seen.actor
    sight.signals.append(Signal(whom, Abuse.TOKEN_REPLAY, detector, weight, cap, sentence, observed, 1))
