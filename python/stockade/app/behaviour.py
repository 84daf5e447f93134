"""Runs detection by behaviour on live events, and keeps what it remembers: restarts and kills lose nothing.

After a kill, the newest snapshot is read and what the spool holds behind it is judged again. Decisions are named by
what they follow from, so that those taken again are the same ones.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stockade.app.clock import Clock
from stockade.app.containment import Active, Containment
from stockade.app.decisions import AUTOMATIC, Decisions
from stockade.app.errors import StockadeError
from stockade.config.behaviour import Behaviour as Settings
from stockade.core import spool
from stockade.detect.behaviour.engine import Behaviour
from stockade.detect.behaviour.incidents import Incidents
from stockade.detect.behaviour.normal import Normal
from stockade.detect.behaviour.signals import WATCH
from stockade.detect.behaviour.snapshot import SnapshotError, lines, restore
from stockade.detect.rules.reader import read
from stockade.detect.rules.rule import Rules
from stockade.store.folder import DataFolder
from stockade.store.snapshots import Snapshots

LOG = logging.getLogger("stockade.behaviour")

PAGE = 2000
"""Records judged before decisions are told and others get a turn."""

TICK_US = 1_000_000
"""Time between two looks at decisions that may end, microseconds."""

SAVE_US = 30_000_000
"""Time between two snapshots, microseconds; more where writing takes long."""

LONGEST_NORMAL_US = 366 * 86_400_000_000
"""How long a correction may last, microseconds."""


class Watching:
    """Detection by behaviour on one data folder; methods may be called from any thread.

    Args:
        folder: the data folder.
        settings: the `behaviour` section.
        decisions: where decisions are taken.
        clock: microseconds since the epoch.
    """

    def __init__(self, folder: DataFolder, settings: Settings, decisions: Decisions, clock: Clock) -> None:
        self._folder = folder
        self._settings = settings
        self._decisions = decisions
        self._clock = clock
        self._rules = _rules_of(settings)
        self._lock = threading.RLock()
        self._snapshots = Snapshots(folder.path / "behaviour")
        self._seq = 0
        self._ticked = self._saved = clock()
        self._save_every = SAVE_US
        self.problem: str | None = None
        self.loop = self._new()
        self._load(None)
        self._adopt()
        self._tail = spool.Tail(folder.spool, self._begin())
        decisions.undone = self._undone

    def step(self) -> int:
        """Judge what is new; never waits.

        Returns:
            How many records there were.

        Raises:
            StockadeError: the spool cannot be read.
        """
        count = 0
        while True:
            page = self._tail.read_lines(PAGE)
            with self._lock:
                self._judge(page)
                now = self._clock()
                if now - self._ticked >= TICK_US:
                    self._ticked = now
                    self.loop.tick(now)
                self._tell()
                if now - self._saved >= self._save_every and page.content:
                    self.save()
            if not page.content:
                return count
            count += page.content.count(b"\n")

    def save(self) -> None:
        """Write a snapshot."""
        with self._lock:
            begun = time.monotonic()
            try:
                self._snapshots.write(lines(self.loop.behaviour, self.loop.incidents, self._head()), self._clock())
            except OSError as error:
                if self.problem is None:
                    LOG.error("cannot keep what behaviour learned: %s", error)
                self.problem = f"cannot be kept: {error.strerror or error}"
            else:
                self.problem = None
            self._saved = self._clock()
            self._save_every = max(SAVE_US, int((time.monotonic() - begun) * 30e6))

    def actors(self, limit: int) -> list[dict[str, Any]]:
        """Actors with something against them, the worst first."""
        with self._lock:
            now = self.loop.behaviour.now
            found = [(actor.sum(now), key) for key, actor in self.loop.behaviour.actors.table.items() if actor.scores]
            worst = sorted((one for one in found if one[0] > 0.5), key=lambda one: (-one[0], one[1]))[:limit]
            return [told for _, key in worst if (told := self.actor(key)) is not None]

    def actor(self, key: str) -> dict[str, Any] | None:
        """All that is known of one actor; None when it is not known."""
        with self._lock:
            actor = self.loop.behaviour.actors.get(key)
            if actor is None:
                return None
            now = self.loop.behaviour.now
            scores = []
            for abuse, score in (actor.scores or {}).items():
                weight = score.fade(abuse, now)
                reasons = [
                    {"detector": name, "weight": round(part.weight, 2), "sentence": part.sentence, "sure": part.sure}
                    for name, part in score.reasons()
                ]
                scores.append(
                    {"class": abuse.value, "weight": round(weight, 2), "alerted": score.alerted > 0, "reasons": reasons}
                )
            return {
                "actor": key,
                "role": actor.role,
                "first": actor.first,
                "last": actor.last,
                "exchanges": actor.seen,
                "weight": round(actor.sum(now), 2),
                "watched": actor.sum(now) >= WATCH,
                "scores": sorted(scores, key=lambda one: -float(str(one["weight"]))),
                "links": [{"actor": other, "reason": reason} for other, reason in (actor.links or {}).items()],
                "decisions": [one.to_json() for one in self.loop.active.values() if one.suspect == key],
            }

    def incidents(self, limit: int) -> list[dict[str, Any]]:
        """Incidents, the newest first."""
        with self._lock:
            return [one.to_json() for one in self.loop.incidents.newest()[:limit]]

    def incident(self, name: str) -> dict[str, Any] | None:
        """One incident, with its decisions."""
        with self._lock:
            found = self.loop.incidents.table.get(name)
            if found is None:
                return None
            active = [one.to_json() for one in self.loop.active.values() if one.incident == name]
            return {**found.to_json(), "active": active}

    def is_normal(self, name: str, reason: str, expires_in_s: int, scope: str) -> list[dict[str, Any]]:
        """Correct an incident: it was none. Its decisions are taken back, and the like is no abuse until it ends.

        Args:
            name: id of the incident.
            reason: why, for people.
            expires_in_s: seconds until the correction ends.
            scope: `actor` (its actors), `operation` (its operations, for everybody) or `role` (the actors' roles).

        Raises:
            StockadeError: there is no such incident, or the correction would cover everything.
        """
        with self._lock:
            incident = self.loop.incidents.table.get(name)
            if incident is None:
                raise StockadeError(
                    "incident.unknown", f"expected the id of an incident, got `{name}`", "see `stockade incidents list`"
                )
            now = self._clock()
            ends = now + min(expires_in_s * 1_000_000, LONGEST_NORMAL_US)
            actors = self.loop.behaviour.actors
            values = {
                "actor": incident.actors,
                "operation": incident.operations,
                "role": sorted(
                    {actor.role for key in incident.actors if (actor := actors.get(key)) and actor.role != "group"}
                ),
            }.get(scope)
            if values is None:
                raise StockadeError(
                    "normal.scope", f"expected scope `actor`, `operation` or `role`, got `{scope}`", None
                )
            made = [
                Normal(f"n-{now:x}-{place}-{number}", ends, reason, **{scope: value}, abuse=abuse)
                for number, abuse in enumerate(incident.classes)
                for place, value in enumerate(values)
            ]
            self.loop.behaviour.normal.extend(made)
            incident.note = "normal"
            for decision in [one for one, active in self.loop.active.items() if active.incident == name]:
                self.loop.undo(decision, f"{name} is normal: {reason}")
            for key in incident.actors:
                actor = actors.get(key)
                if actor is not None:
                    actor.scores = None
            self._tell()
            self.save()
            return [one.to_json() for one in made]

    def forget_normal(self, name: str) -> bool:
        """Take a correction back; whether there was one."""
        with self._lock:
            before = self.loop.behaviour.normal
            self.loop.behaviour.normal = [one for one in before if one.id != name]
            return len(before) != len(self.loop.behaviour.normal)

    def model(self) -> dict[str, Any]:
        """What was learned, in numbers; how sure it is; what can be gone back to."""
        with self._lock:
            behaviour = self.loop.behaviour
            known = behaviour.known
            return {
                "act": self._settings.act,
                "decides": self.loop.acts,
                "paused_until": self.loop.paused_until,
                "problem": self.problem,
                "now": behaviour.now,
                "since": known.since_s * 1_000_000,
                "through": self._seq,
                "counts": dict(behaviour.counts),
                "actors": len(behaviour.actors.table),
                "operations": len(known.operations),
                "objects": len(known.owners.table),
                "roles": [
                    {
                        "role": name,
                        "actors": role.actors,
                        "exchanges": role.events,
                        "sure": round(role.actors / (role.actors + 20.0), 2),
                    }
                    for name, role in known.roles.items()
                ],
                "private": sorted(known.private),
                "frozen": dict(behaviour.drift.frozen),
                "normal": [one.to_json() for one in behaviour.normal],
                "decisions": len(self.loop.active),
                "news": self.loop.news[-20:],
                "kept": self._snapshots.kept(),
            }

    def rollback(self, moment: int) -> int:
        """Go back to what was known at a moment; incidents and decisions of now are kept.

        Args:
            moment: the newest snapshot that is not younger is taken, microseconds since the epoch.

        Returns:
            When that was.

        Raises:
            StockadeError: there is none, or it cannot be read.
        """
        with self._lock:
            older = [one for one in self._snapshots.kept() if one <= moment]
            if not older:
                raise StockadeError(
                    "model.none_kept",
                    "expected a model that was kept before then, got none",
                    "see `stockade model show`",
                )
            before = self.loop
            after = self._new()
            try:
                restore(self._snapshots.read(older[-1]), after.behaviour, Incidents())
            except SnapshotError as error:
                raise StockadeError("model.unreadable", str(error), None) from error
            before.behaviour.known = after.behaviour.known
            before.behaviour.actors = after.behaviour.actors
            before.behaviour.drift = after.behaviour.drift
            before.news.append(f"went back to what was known at {older[-1]}")
            self.save()
            return older[-1]

    def switch(self, acts: bool) -> None:
        """Decide automatically from now on, or take all back and do so no more."""
        with self._lock:
            self.loop.switch(acts)
            self._tell()
            self.save()

    def _judge(self, page: spool.Lines) -> None:
        now = self._clock()
        for line in page.content.splitlines():
            entry = json.loads(line)
            self._seq = entry["seq"]
            for incident in self.loop.take(entry["record"], now):
                if incident.alerts == 1:
                    reason = incident.reasons[0]["sentence"] if incident.reasons else ""
                    LOG.warning("%s: %s by %s: %s", incident.id, incident.classes[0], incident.actors[0], reason)

    def _tell(self) -> None:
        for text in self.loop.news[-5:] if self.loop.changed else ():
            LOG.info("%s", text)
        if self.loop.changed:
            self.loop.changed = False
            self._decisions.set_automatic(self.loop.decisions())

    def _undone(self, decision: str) -> None:
        with self._lock:
            if self.loop.undo(decision, "a person took it back"):
                self.loop.changed = False

    def _new(self) -> Containment:
        settings = self._settings
        return Containment(
            Behaviour(settings.actors, self._rules),
            Incidents(settings.incidents_a_day),
            settings.never,
            acts=settings.act == "decide",
        )

    def _head(self) -> dict[str, Any]:
        return {"seq": self._seq, "rules": self._rules.state(), **self.loop.state()}

    def _load(self, moment: int | None) -> None:
        if moment is None and not self._snapshots.current.exists():
            return
        try:
            head: Mapping[str, Any] = restore(self._snapshots.read(moment), self.loop.behaviour, self.loop.incidents)
            self._seq = int(head["seq"])
            self.loop.restore(head)
            self._rules.restore(head.get("rules") or {})
        except (StockadeError, SnapshotError, KeyError, TypeError, ValueError) as error:
            LOG.error("what behaviour learned cannot be used, and is learned anew: %s", error)
            self.problem = f"learned anew: {error}"
            self.loop, self._seq = self._new(), 0
            self._snapshots.set_aside()

    def _adopt(self) -> None:
        """Automatic decisions that are in force and that nobody remembers are kept until they end."""
        now = self._clock()
        if not self.loop.acts:
            self._decisions.set_automatic([])
            return
        for decision in self._decisions.active():
            if decision.id.startswith(AUTOMATIC) and decision.id not in self.loop.active:
                self.loop.active[decision.id] = Active(decision, "", "", now, 0, 0, "taken before a restart")

    def _begin(self) -> int:
        """Where the spool is read on; one that began anew is read from its beginning."""
        try:
            newest = spool.read_newest(self._folder.spool, limit=1)
        except (OSError, StockadeError):
            return self._seq
        return self._seq if newest and newest[0].seq >= self._seq else 0


def _rules_of(settings: Settings) -> Rules:
    rules, problems = read(settings.rules)
    for problem in problems:
        LOG.error("%s", problem)
    return Rules(tuple(rules))


def check_rules(paths: Iterable[Path]) -> tuple[list[str], list[str]]:
    """Read rules and run their examples: ids of the good ones, and one line for each problem."""
    rules, problems = read(paths)
    return [rule.id for rule in rules], problems
