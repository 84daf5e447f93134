"""Scripted traffic for the shop: ordinary clients, who must pass, and attacks, which must be refused."""

from stockade.sample.traffic.call import ATTACK, ORDINARY, Call
from stockade.sample.traffic.script import SCENARIOS, Scenario, run

__all__ = ["ATTACK", "ORDINARY", "SCENARIOS", "Call", "Scenario", "run"]
