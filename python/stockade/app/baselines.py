"""Simple baselines, scored in the same worlds: limits by address, limits by session, and an isolation forest.

What they find they block for an hour, as such tools do: by address, or by session.
"""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from stockade.detect.behaviour.observation import Observation, read
from stockade.model.decision import Decision, DecisionAction

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000


class Blocks:
    """Decisions of a baseline: whom it found, for an hour."""

    def __init__(self) -> None:
        self._active: dict[str, Decision] = {}
        self._changed = False
        self._count = 0

    def block(self, selector: Mapping[str, str], seen: Observation, detector: str) -> list[tuple[str, str]]:
        """Block by a selector; an incident for each that is new."""
        key = str(sorted(selector.items()))
        known = self._active.get(key)
        if known is not None and known.expires_at > seen.time:
            return []
        self._count += 1
        self._active = {name: one for name, one in self._active.items() if one.expires_at > seen.time}
        self._active[key] = Decision(
            f"x-{self._count}", dict(selector), DecisionAction.BLOCK, detector, seen.time + HOUR_US
        )
        self._changed = True
        return [(f"x-{self._count}", detector)]

    def decisions(self) -> list[Decision] | None:
        """See `Guard`."""
        if not self._changed:
            return None
        self._changed = False
        return list(self._active.values())


class ByAddress(Blocks):
    """Thresholds by address, as firewalls for web applications come with.

    More than 20 sign-ins or 10 failed ones in ten minutes, 10 distinct paths that are not there in ten minutes, or 300
    requests in five: the documented ones of AWS WAF's account takeover rules, and of CrowdSec's and usual rate rules.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logins: dict[str, deque[tuple[int, bool]]] = defaultdict(deque)
        self._missing: dict[str, deque[tuple[int, str]]] = defaultdict(deque)
        self._requests: dict[str, deque[int]] = defaultdict(deque)

    def see(self, raw: Mapping[str, Any]) -> list[tuple[str, str]]:
        """See `Guard`."""
        seen = read(raw)
        if seen is None or seen.own:
            return []
        where, now = seen.address, seen.time
        if seen.anonymous and seen.method == "POST":
            logins = self._logins[where]
            logins.append((now, seen.status >= 400))
            while logins[0][0] < now - 10 * MINUTE_US:
                logins.popleft()
            if len(logins) > 20 or sum(failed for _, failed in logins) > 10:
                return self.block({"address": where}, seen, "guessing.address")
        if seen.status in (404, 405):
            missing = self._missing[where]
            missing.append((now, seen.path))
            while missing[0][0] < now - 10 * MINUTE_US:
                missing.popleft()
            if len({path for _, path in missing}) > 10:
                return self.block({"address": where}, seen, "probing.address")
        requests = self._requests[where]
        requests.append(now)
        while requests[0] < now - 5 * MINUTE_US:
            requests.popleft()
        return self.block({"address": where}, seen, "volume.address") if len(requests) > 300 else []


class BySession(Blocks):
    """A limit at the 99th percentile of requests and distinct objects of a session in ten minutes, from the warm-up."""

    def __init__(self, learn_until: int) -> None:
        super().__init__()
        self._learn_until = learn_until
        self._windows: dict[tuple[str, int], tuple[list[int], set[str]]] = {}
        self._limits: tuple[float, float] | None = None

    def see(self, raw: Mapping[str, Any]) -> list[tuple[str, str]]:
        """See `Guard`."""
        seen = read(raw)
        if seen is None or seen.own:
            return []
        who = seen.session or seen.key or f"{seen.address}|{seen.print}"
        count, objects = self._windows.setdefault((who, seen.time // (10 * MINUTE_US)), ([0], set()))
        count[0] += 1
        objects.update(value for _, value in seen.objects)
        if seen.time < self._learn_until:
            return []
        if self._limits is None:
            self._limits = (
                _percentile([one[0][0] for one in self._windows.values()], 0.99),
                _percentile([len(one[1]) for one in self._windows.values()], 0.99),
            )
            self._windows = {key: one for key, one in self._windows.items() if key == (who, key[1])}
        if count[0] > self._limits[0] or len(objects) > self._limits[1]:
            return self.block(_selector(seen), seen, "volume.session")
        return []


class Forest(Blocks):
    """An isolation forest (Liu, Ting and Zhou, 2008) on five minutes of each actor, learned on the warm-up.

    The threshold is that which one window in a thousand passed there.
    """

    def __init__(self, learn_until: int, seed: int) -> None:
        super().__init__()
        self._learn_until = learn_until
        self._seed = seed
        self._windows: dict[str, list[float]] = {}
        self._at = 0
        self._last: dict[str, Observation] = {}
        self._learned: list[list[float]] = []
        self._forest: Any = None
        self._threshold = 0.0

    def see(self, raw: Mapping[str, Any]) -> list[tuple[str, str]]:
        """See `Guard`."""
        seen = read(raw)
        if seen is None or seen.own:
            return []
        found: list[tuple[str, str]] = []
        window = seen.time // (5 * MINUTE_US)
        if window != self._at:
            found = self._close(seen)
            self._at = window
        features = self._windows.setdefault(seen.actor, [0.0] * 6)
        for place, amount in enumerate(
            (1, seen.status >= 400, len(seen.objects), seen.bytes_out, seen.method != "GET", seen.took_us)
        ):
            features[place] += amount
        self._last[seen.actor] = seen
        return found

    def _close(self, seen: Observation) -> list[tuple[str, str]]:
        rows = {actor: [math.log1p(value) for value in features] for actor, features in self._windows.items()}
        last, self._windows, self._last = self._last, {}, {}
        if seen.time < self._learn_until:
            self._learned.extend(rows.values())
            return []
        if self._forest is None:
            from sklearn.ensemble import IsolationForest

            self._forest = IsolationForest(n_estimators=100, random_state=self._seed).fit(self._learned)
            scores = sorted(self._forest.score_samples(self._learned))
            self._threshold = float(scores[len(scores) // 1000])
        found = []
        if rows:
            for actor, score in zip(rows, self._forest.score_samples(list(rows.values())), strict=True):
                if score < self._threshold:
                    found += self.block(_selector(last[actor]), last[actor], "forest")
        return found


def _selector(seen: Observation) -> dict[str, str]:
    if seen.session:
        return {"session": seen.session}
    if seen.key:
        return {"key": seen.key}
    return {"address": seen.address}


def _percentile(values: list[int], share: float) -> float:
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else 0.0
