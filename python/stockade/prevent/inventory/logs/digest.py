"""What one part of a log says, added up: small enough to pass between processes, bounded whatever stands in the log."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from stockade.prevent.inventory.logs.entry import Entry
from stockade.prevent.inventory.logs.files import Part, read
from stockade.prevent.inventory.sensitive import data_in

UNREADABLE_SHOWN = 3
"""Lines of a part shown that could not be read."""

PATHS = 200_000
"""Distinct paths of a part; more are counted without their path."""

ACTORS = 50_000
"""Distinct actors of a part."""

SUSPECTS = 20_000
"""Distinct requests of a part that are looked at for attacks."""

NOT_OF_THE_API = frozenset({400, 404, 405, 414, 431, 501})
"""Statuses that say that there is no such operation: nothing is learned from them."""

_ODD = re.compile(
    r"""[<>'"`;|\\{}$()]|\.\./|%(?:2e|2f|00|0[ad]|22|27|28|3[bce]|5c|60|7[bcd])"""
    r"""|\bselect\b|/etc/|\.(?:env|git|php|bak)""",
    re.IGNORECASE,
)
"""What a request must have somewhere to be worth a look; most have nothing of it."""

_TELLING = re.compile(r"@|%40|\d[\d -]{8}|eyJ|_live_|_test_|gh[pousr]_|AKIA|AIza|xox|-----BEGIN", re.IGNORECASE)
"""What a query has when personal or secret data may be in it."""


@dataclass(slots=True)
class ActorSeen:
    """What one actor did."""

    count: int = 0
    """Requests."""
    unsuccessful: int = 0
    """Those answered with 400 or above."""
    minutes: dict[int, int] = field(default_factory=dict)
    """Requests in each minute."""


@dataclass(slots=True)
class Digest:
    """What a part says."""

    lines: int = 0
    """Lines read."""
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    """Some of those that could not be read: number in the part, and the beginning."""
    unread: int = 0
    """How many could not be read."""
    paths: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Method, path and status."""
    anonymous: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Method and path of successful requests of which the log names no user."""
    queries: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Names of the query's parameters by method and path."""
    sensitive: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Method, path, name of the query's parameter and class of the data in it."""
    shapes: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Method, path, side and shape of bodies."""
    actors: dict[str, ActorSeen] = field(default_factory=dict)
    """By user, or by address where the log names none."""
    suspects: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    """Method, target, user agent and actor of requests that are worth a look."""
    first: int | None = None
    """Seconds of the oldest."""
    last: int | None = None
    """Seconds of the newest."""
    left_out: int = 0
    """Requests whose path or actor was too many."""


def digest(part: Part) -> Digest:
    """Read a part.

    Raises:
        StockadeError: a document cannot be read.
        OSError: the file cannot be read.
    """
    found = Digest()
    for text, entry in read(part):
        found.lines += 1
        if entry is None:
            found.unread += 1
            if len(found.unreadable) < UNREADABLE_SHOWN:
                found.unreadable.append((found.lines, text[:120]))
        else:
            add(found, entry)
    return found


def _add_sensitive(found: Digest, method: str, path: str, query: str) -> None:
    for pair in query.split("&")[:50]:
        name, _, value = pair.partition("=")
        for data in data_in(unquote_plus(value)):
            key = (method, path, name[:64], data.data_class)
            if key in found.sensitive or len(found.sensitive) < SUSPECTS:
                found.sensitive[key] += 1


def add(found: Digest, entry: Entry) -> None:
    """Take one request in."""
    key = (entry.method, entry.path, entry.status or 0)
    if key in found.paths or len(found.paths) < PATHS:
        found.paths[key] += 1
    else:
        found.left_out += 1
    if entry.query and entry.status not in NOT_OF_THE_API and len(found.queries) < PATHS:
        names = found.queries.setdefault((entry.method, entry.path), set())
        if len(names) < 50:
            names.update(pair.partition("=")[0] for pair in entry.query.split("&")[:50])
        if _TELLING.search(entry.query):
            _add_sensitive(found, entry.method, entry.path, entry.query)
    if entry.status not in NOT_OF_THE_API:
        for side, shape in (("request", entry.request_shape), ("response", entry.response_shape)):
            told = (entry.method, entry.path, side, shape or "")
            if shape and (told in found.shapes or len(found.shapes) < SUSPECTS):
                found.shapes[told] += 1
    actor = f"user:{entry.user}" if entry.user else f"address:{entry.address or 'unknown'}"
    seen = found.actors.get(actor)
    if seen is None:
        if len(found.actors) >= ACTORS:
            found.left_out += 1
            return
        seen = found.actors[actor] = ActorSeen()
    seen.count += 1
    seen.unsuccessful += (entry.status or 0) >= 400
    if entry.second is not None:
        minute = entry.second // 60
        seen.minutes[minute] = seen.minutes.get(minute, 0) + 1
        found.first = entry.second if found.first is None else min(found.first, entry.second)
        found.last = entry.second if found.last is None else max(found.last, entry.second)
    target = f"{entry.path}?{entry.query}" if entry.query else entry.path
    if _ODD.search(target) or (entry.agent and "${" in entry.agent):
        suspect = (entry.method, target, entry.agent or "", actor)
        if suspect in found.suspects or len(found.suspects) < SUSPECTS:
            found.suspects[suspect] += 1
