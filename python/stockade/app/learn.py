"""`stockade learn`: what an API is and what happens to it, from its logs alone; nothing is sent, nothing runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from stockade.app.errors import StockadeError
from stockade.config import quick
from stockade.core.engine import Engine, Message
from stockade.prevent.gateway.plan import compile_plan
from stockade.prevent.inventory.logs.digest import digest
from stockade.prevent.inventory.logs.files import Part, parts_of
from stockade.prevent.inventory.logs.summary import Operation, Summary

WORKERS = 2
"""Processes that read."""

SURE = 0.8
"""Confidence from which a finding is an attack, as `inspect.threshold` has it by default."""

SAMPLES = 3
"""Requests shown of each kind of attack."""

HEADROOM = 3
"""The limit that is proposed, in multiples of what nearly everybody kept to."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of attack that is in the logs already."""

    detector: str
    """Detector that found it."""
    count: int
    """Requests."""
    actors: tuple[tuple[str, int], ...]
    """Who sent most of them."""
    samples: tuple[str, ...]
    """Some of them, as they are judged: masked."""
    answered: int
    """Distinct requests among them."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the logs say."""

    lines: int
    """Lines read."""
    unread: int
    """Lines that could not be read."""
    unreadable: tuple[tuple[str, int, str], ...]
    """Some of these: file, line, beginning."""
    left_out: int
    """What was too much to be told apart."""
    first: int | None
    """Seconds of the oldest request."""
    last: int | None
    """Seconds of the newest."""
    operations: tuple[Operation, ...]
    """Operations, by path."""
    unmatched: int
    """Requests for what the API has not."""
    actors: tuple[tuple[str, int, int], ...]
    """Actors with requests and unsuccessful ones, busiest first."""
    actors_count: int
    """How many actors there are."""
    attacks: tuple[Attack, ...]
    """Attacks, most frequent first."""
    per_minute: int
    """Requests a minute that 99 of 100 actors never passed."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "lines": self.lines,
            "unread": self.unread,
            "unreadable": [{"file": file, "line": line, "text": text} for file, line, text in self.unreadable],
            "left_out": self.left_out,
            "first": self.first,
            "last": self.last,
            "operations": [
                {
                    "method": operation.template.method,
                    "path": operation.template.path,
                    "parameters": [{"name": one.name, "form": one.form} for one in operation.template.parameters],
                    "query": list(operation.query),
                    "sensitive": [{"name": name, "class": kind} for name, kind in operation.sensitive],
                    "request_fields": [asdict(one) for one in operation.request_fields],
                    "response_fields": [asdict(one) for one in operation.response_fields],
                    "count": operation.template.count,
                    "statuses": {str(status): count for status, count in sorted(operation.statuses.items())},
                }
                for operation in self.operations
            ],
            "unmatched": self.unmatched,
            "actors": {
                "count": self.actors_count,
                "busiest": [
                    {"actor": actor, "count": count, "unsuccessful": failed} for actor, count, failed in self.actors
                ],
            },
            "attacks": [
                {
                    "detector": attack.detector,
                    "count": attack.count,
                    "distinct": attack.answered,
                    "actors": [{"actor": actor, "count": count} for actor, count in attack.actors],
                    "samples": list(attack.samples),
                }
                for attack in self.attacks
            ],
            "per_minute": self.per_minute,
        }


def learn(files: Sequence[Path], progress: Callable[[int, int], None], now: int) -> Learned:
    """Read logs.

    Args:
        files: access logs, HAR documents or Postman collections.
        progress: told how many steps of how many are done.
        now: microseconds since the epoch, for the engine.

    Raises:
        StockadeError: a file cannot be read or has no known format.
    """
    parts = [part for file in files for part in parts_of(file)]
    steps = len(parts) + 1
    summary = Summary()
    before: Counter[Path] = Counter()
    for done, (part, found) in enumerate(_digests(parts), 1):
        summary.add(str(part.file), found, before[part.file])
        before[part.file] += found.lines
        progress(done, steps)
    learned = learned_of(summary, now)
    progress(steps, steps)
    return learned


def learned_of(summary: Summary, now: int) -> Learned:
    """What a summary says.

    Args:
        summary: of all that was read.
        now: microseconds since the epoch, for the engine.
    """
    operations = summary.operations()
    attacks = _attacks(summary, now)
    busiest = sorted(summary.actors.items(), key=lambda one: (-one[1].count, one[0]))[:20]
    return Learned(
        lines=summary.lines,
        unread=summary.unread,
        unreadable=tuple(summary.unreadable),
        left_out=summary.left_out,
        first=summary.first,
        last=summary.last,
        operations=tuple(operations),
        unmatched=summary.unmatched(operations),
        actors=tuple((actor, seen.count, seen.unsuccessful) for actor, seen in busiest),
        actors_count=len(summary.actors),
        attacks=tuple(attacks),
        per_minute=summary.busiest_minute(0.99),
    )


def proposed_config(learned: Learned, upstream: str) -> str:
    """A config to begin with: monitor mode, so that nothing is refused before somebody has looked.

    Args:
        learned: what the logs say.
        upstream: URL of the API.
    """
    lines = ["version: 1", "apis:", "  main:", f"    upstream: {upstream}", "    mode: monitor"]
    if learned.per_minute:
        rate = learned.per_minute * HEADROOM
        lines += [
            "    limits:",
            f"      # 99 of 100 actors never sent more than {learned.per_minute} requests a minute.",
            f"      - {{name: per-actor, by: [actor], rate: {rate}/m, burst: {max(rate // 2, 10)}}}",
        ]
    return "\n".join(lines) + "\n"


def _digests(parts: Sequence[Part]) -> Iterator[tuple[Part, Any]]:
    try:
        if len(parts) == 1:
            yield parts[0], digest(parts[0])
            return
        # A fresh interpreter: forking one that has threads is unsafe.
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            yield from zip(parts, pool.map(digest, parts), strict=True)
    except (OSError, BrokenProcessPool) as error:
        raise StockadeError("learn.unreadable", f"cannot read the logs: {error}", None) from error


def _attacks(summary: Summary, now: int) -> list[Attack]:
    engine = Engine(compile_plan(quick("http://127.0.0.1:9", Path.cwd(), mode="monitor")).to_bytes(1, 0))
    counts: Counter[str] = Counter()
    distinct: Counter[str] = Counter()
    actors: dict[str, Counter[str]] = {}
    samples: dict[str, list[str]] = {}
    for (method, target, agent, actor), count in summary.suspects.items():
        headers = [("user-agent", agent)] if agent.isprintable() else []
        event = engine.check(Message.build(method, f"http://api{target}", headers), now_us=now).event
        sure = {finding["detector"] for finding in event.get("findings") or () if finding["confidence"] >= SURE}
        for detector in sorted(sure):
            counts[detector] += count
            distinct[detector] += 1
            actors.setdefault(detector, Counter())[actor] += count
            shown = samples.setdefault(detector, [])
            request = event.get("request") or {"path": "(unreadable)"}
            text = f"{method} {request['path']}" + (f"?{request['query']}" if request.get("query") else "")
            if len(shown) < SAMPLES and text not in shown:
                shown.append(text)
    return [
        Attack(detector, count, tuple(actors[detector].most_common(5)), tuple(samples[detector]), distinct[detector])
        for detector, count in counts.most_common()
    ]
