"""All parts of all logs as one: operations, actors, suspects and pace."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from stockade.prevent.inventory.logs.digest import NOT_OF_THE_API, ActorSeen, Digest
from stockade.prevent.inventory.observe import fields_of
from stockade.prevent.inventory.paths import PathLearner, Template
from stockade.prevent.inventory.seen import FieldSeen

ACTORS_MOST = 200_000
"""Distinct actors of all logs together."""

SUSPECTS_MOST = 50_000
"""Distinct requests that are looked at for attacks."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that was seen."""

    template: Template
    """Method, path and parameters."""
    statuses: Mapping[int, int]
    """Exchanges by status; 0 where the log named none."""
    query: tuple[str, ...]
    """Names of the parameters in its queries."""
    request_fields: tuple[FieldSeen, ...] = ()
    """Fields of bodies that were sent, when the log has bodies."""
    response_fields: tuple[FieldSeen, ...] = ()
    """Fields of bodies that were answered."""
    sensitive: tuple[tuple[str, str], ...] = ()
    """Parameters of its queries that carry personal or secret data, with its class: logs and caches keep these."""


class Summary:
    """Adds digests up; bounded, whatever stands in the logs."""

    def __init__(self) -> None:
        self.lines = 0
        self.unread = 0
        self.left_out = 0
        self.unreadable: list[tuple[str, int, str]] = []
        self.actors: dict[str, ActorSeen] = {}
        self.suspects: Counter[tuple[str, str, str, str]] = Counter()
        self.first: int | None = None
        self.last: int | None = None
        self._paths: Counter[tuple[str, str, int]] = Counter()
        self._sensitive: Counter[tuple[str, str, str, str]] = Counter()
        self._shapes: Counter[tuple[str, str, str, str]] = Counter()
        self._queries: dict[tuple[str, str], set[str]] = {}

    def add(self, file: str, digest: Digest, lines_before: int) -> None:
        """Take the digest of a part in.

        Args:
            file: name of the file, for unreadable lines.
            digest: of the part.
            lines_before: lines of the file in the parts before this one.
        """
        self.lines += digest.lines
        self.unread += digest.unread
        self.left_out += digest.left_out
        room = max(0, 10 - len(self.unreadable))
        self.unreadable += [(file, lines_before + number, text) for number, text in digest.unreadable[:room]]
        self._paths.update(digest.paths)
        self._sensitive.update(digest.sensitive)
        self._shapes.update(digest.shapes)
        for key, names in digest.queries.items():
            self._queries.setdefault(key, set()).update(names)
        for actor, seen in digest.actors.items():
            self._add_actor(actor, seen)
        for suspect, count in digest.suspects.items():
            if suspect in self.suspects or len(self.suspects) < SUSPECTS_MOST:
                self.suspects[suspect] += count
        for moment in (digest.first, digest.last):
            if moment is not None:
                self.first = moment if self.first is None else min(self.first, moment)
                self.last = moment if self.last is None else max(self.last, moment)

    def operations(self) -> list[Operation]:
        """The operations of the API, as its answers show them."""
        learner = PathLearner()
        suspicious: Counter[tuple[str, str]] = Counter()
        for (method, target, _, _), count in self.suspects.items():
            suspicious[method, target.partition("?")[0]] += count
        for (method, path, status), count in self._paths.items():
            if status in NOT_OF_THE_API or method == "OPTIONS":
                continue
            # An attack is no operation, even where the API answered it with 200; its clean twins teach the path.
            clean = count - suspicious[method, path]
            if clean > 0:
                learner.add(method, path, clean)
        self.left_out += learner.left_out
        templates = learner.templates()
        match = Matcher(templates)
        statuses: dict[Template, Counter[int]] = {template: Counter() for template in templates}
        queries: dict[Template, set[str]] = {template: set() for template in templates}
        for (method, path, status), count in self._paths.items():
            template = match(method, path)
            if template is not None:
                statuses[template][status] += count
        for (method, path), names in self._queries.items():
            template = match(method, path)
            if template is not None:
                queries[template] |= {name for name in names if _NAME.fullmatch(name)}
        sensitive: dict[Template, set[tuple[str, str]]] = {template: set() for template in templates}
        for method, path, name, data_class in self._sensitive:
            template = match(method, path)
            if template is not None and _NAME.fullmatch(name):
                sensitive[template].add((name, data_class))
        shapes: dict[tuple[Template, str], Counter[str]] = defaultdict(Counter)
        for (method, path, side, shape), count in self._shapes.items():
            template = match(method, path)
            if template is not None:
                shapes[template, side][shape] += count
        return [
            Operation(
                template,
                statuses[template],
                tuple(sorted(queries[template])),
                fields_of(shapes[template, "request"]),
                fields_of(shapes[template, "response"]),
                tuple(sorted(sensitive[template])),
            )
            for template in templates
        ]

    def unmatched(self, operations: list[Operation]) -> int:
        """Requests that no operation was made for: guesses of scanners, mostly."""
        return sum(self._paths.values()) - sum(sum(operation.statuses.values()) for operation in operations)

    def busiest_minute(self, share: float) -> int:
        """Requests that this share of all actors never passed in a minute.

        Args:
            share: 0.0 to 1.0.
        """
        peaks = sorted(max(seen.minutes.values()) for seen in self.actors.values() if seen.minutes)
        return peaks[min(len(peaks) - 1, int(len(peaks) * share))] if peaks else 0

    def _add_actor(self, actor: str, seen: ActorSeen) -> None:
        known = self.actors.get(actor)
        if known is None:
            if len(self.actors) >= ACTORS_MOST:
                self.left_out += 1
                return
            self.actors[actor] = seen
            return
        known.count += seen.count
        known.unsuccessful += seen.unsuccessful
        for minute, count in seen.minutes.items():
            known.minutes[minute] = known.minutes.get(minute, 0) + count


_NAME = re.compile(r"[A-Za-z_][\w.\[\]-]{0,63}")


class Matcher:
    """Finds the template of a path; literal words go before values."""

    def __init__(self, templates: list[Template]) -> None:
        self._exact: dict[tuple[str, str], Template] = {}
        self._by_length: dict[tuple[str, int], list[tuple[list[str], Template]]] = {}
        for template in templates:
            if not template.parameters:
                self._exact[template.method, template.path] = template
                continue
            segments = template.path.strip("/").split("/")
            self._by_length.setdefault((template.method, len(segments)), []).append((segments, template))
        for found in self._by_length.values():
            found.sort(key=lambda one: [part.startswith("{") for part in one[0]])

    def __call__(self, method: str, path: str) -> Template | None:
        """The template that a path fits; None when it fits none."""
        plain = "/" + path.strip("/")
        exact = self._exact.get((method, plain))
        if exact is not None:
            return exact
        segments = plain[1:].split("/")
        for parts, template in self._by_length.get((method, len(segments)), ()):
            if all(part == given or part.startswith("{") for part, given in zip(parts, segments, strict=True)):
                return template
        return None
