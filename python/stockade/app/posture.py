"""`stockade check --tls`: how well traffic is encrypted."""

from __future__ import annotations

import datetime

from stockade.app import wiring
from stockade.app.clock import wall_clock
from stockade.app.policy import Asked
from stockade.prevent.crypto.posture import Finding, Weight, configured, probed


def examine(asked: Asked, *, connect: bool) -> list[Finding]:
    """Every weakness, the heaviest first.

    Args:
        asked: what the command line asks for.
        connect: whether upstreams and own listeners are connected to.

    Raises:
        ConfigProblemsError: the config is wrong.
    """
    loaded = wiring.load(asked)
    now = datetime.datetime.fromtimestamp(wall_clock() / 1_000_000, datetime.UTC)
    found = configured(loaded, now) + (probed(loaded, now) if connect else [])
    order = list(Weight)
    return sorted(found, key=lambda finding: order.index(finding.weight))


def exit_code(found: list[Finding]) -> int:
    """1 when something is weak, 3 when something could not be found out and nothing is weak, else 0."""
    if any(finding.weight is not Weight.UNDECIDED for finding in found):
        return 1
    return 3 if found else 0
