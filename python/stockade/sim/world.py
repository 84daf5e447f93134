"""One simulated world: everything that happens in it, in order of time. The same seed gives the same world."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from typing import Any

from stockade.sim.abuse.campaign import Attack, Campaign
from stockade.sim.api import Api
from stockade.sim.awkward import streams
from stockade.sim.call import Call
from stockade.sim.campaigns import CLASSES, planned
from stockade.sim.catalogue import Catalogue
from stockade.sim.ground import Ground
from stockade.sim.ordinary import session, starts
from stockade.sim.population import Population, drawn, people


class World:
    """A world of one seed.

    Args:
        catalogue: the API and who owns what.
        settings: the population, before its constants are drawn.
        campaigns: what `campaigns.load` read.
        seed: everything random follows from it.
    """

    def __init__(
        self, catalogue: Catalogue, settings: Population, campaigns: Sequence[dict[str, Any]], seed: int
    ) -> None:
        chance = random.Random(f"{seed}:population")
        own = drawn(settings, chance)
        everybody = people(catalogue, own, chance)
        self.ground = Ground(seed, catalogue, own, everybody, Api(catalogue, everybody, chance))
        self.campaigns: list[Campaign] = planned(self.ground, list(campaigns))

    def calls(self) -> Iterator[Call]:
        """All that happens, in order of time."""
        ground = self.ground
        waiting: list[tuple[int, int, Call, Iterator[Call]]] = []
        place = 0

        def add(stream: Iterator[Call]) -> None:
            nonlocal place
            first = next(stream, None)
            if first is not None:
                heapq.heappush(waiting, (first.time, place, first, stream))
                place += 1

        for stream in streams(ground):
            add(stream)
        for campaign in self.campaigns:
            add(CLASSES[campaign.abuse](Attack(ground, campaign)))
        begins = iter(starts(ground))
        following = next(begins, None)
        while waiting or following:
            while following and (not waiting or following[0] <= waiting[0][0]):
                add(session(ground, following))
                following = next(begins, None)
            if not waiting:
                continue
            _, mine, call, stream = heapq.heappop(waiting)
            if call.time < ground.end:
                yield call
            after = next(stream, None)
            if after is not None:
                after.time = max(after.time, call.time)
                heapq.heappush(waiting, (after.time, mine, after, stream))
