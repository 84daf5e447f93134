"""What is remembered, as lines of JSON, and back: the same state gives the same lines, and these give the state."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from stockade.detect.behaviour.actors import Actor
from stockade.detect.behaviour.engine import Behaviour
from stockade.detect.behaviour.incidents import Incident, Incidents
from stockade.detect.behaviour.known import Bounded, Kind, Known, Operation, Role
from stockade.detect.behaviour.normal import Normal
from stockade.detect.behaviour.quantiles import Spread
from stockade.detect.behaviour.signals import Abuse, Part, Score

FORMAT = 1
"""Version of the lines."""

CHUNK = 2000
"""Entries of a table in one line."""

_ARRAYS = {"short": "f", "long": "f", "habit": "f", "networks": "I", "prints": "I"}
_BIG = {"short_bits", "long_bits", "foreign", "denied", "bad_paths", "used", "new_functions"}
_TABLES = ("owners", "flagged", "tokens", "prints", "sources", "bad_paths", "shared")


class SnapshotError(ValueError):
    """Lines that are no snapshot."""


def lines(behaviour: Behaviour, incidents: Incidents, head: dict[str, Any]) -> Iterator[Any]:
    """The state as lines.

    Args:
        behaviour: actors and what is known.
        incidents: campaigns.
        head: what the caller wants to keep with it.
    """
    known = behaviour.known
    yield {"format": FORMAT, "now": behaviour.now, "counts": behaviour.counts, **head}
    yield ["known", known.since_s, known.names, known.private, _spread(known.sharing)]
    yield ["everybody", _role(known.everybody)]
    for name, operation in known.operations.items():
        yield ["operation", name, _operation(operation)]
    for name, role in known.roles.items():
        yield ["role", name, _role(role)]
    yield [
        "kinds",
        [
            [*key, kind.own, kind.foreign, hex(kind.subjects), kind.day, kind.grown, kind.private]
            for key, kind in known.kinds.items()
        ],
    ]
    for name in _TABLES:
        table: Bounded[Any] = getattr(known, name)
        for chunk in _chunks(table.table.items()):
            yield ["table", name, [[key, value] for key, value in chunk]]
    yield ["normal", [one.to_json() for one in behaviour.normal]]
    yield ["drift", behaviour.drift.window, behaviour.drift.seen, behaviour.drift.frozen]
    yield ["lately", [[abuse, operation, found] for (abuse, operation), found in behaviour.lately.items()]]
    yield ["incidents", incidents.next, [one.to_json() for one in incidents.table.table.values()], incidents.keys()]
    for chunk in _chunks(behaviour.actors.table.items()):
        yield ["actors", [[key, actor.role, _actor(actor)] for key, actor in chunk]]


def restore(found: Iterable[Any], behaviour: Behaviour, incidents: Incidents) -> dict[str, Any]:
    """Bring the state back.

    Args:
        found: what `lines` gave.
        behaviour: filled; as new.
        incidents: filled; as new.

    Returns:
        The head.

    Raises:
        SnapshotError: these are no such lines, or of another version.
    """
    head: dict[str, Any] = {}
    try:
        for line in found:
            if isinstance(line, dict):
                if line.get("format") != FORMAT:
                    raise SnapshotError(f"expected a model of format {FORMAT}, got `{line.get('format')}`")
                head = line
                behaviour.now = int(line["now"])
                behaviour.counts.update(line["counts"])
            else:
                _take(line, behaviour, incidents)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError(f"expected lines of a model, got something else: {error}") from error
    if not head:
        raise SnapshotError("expected a model, got nothing")
    return head


def _take(line: list[Any], behaviour: Behaviour, incidents: Incidents) -> None:
    known: Known = behaviour.known
    match line:
        case ["known", since, names, private, sharing]:
            known.since_s, known.names, known.private = since, names, private
            known.sharing = Spread(sharing)
        case ["everybody", told]:
            known.everybody = _to_role(told)
        case ["operation", name, told]:
            known.operations[name] = _to_operation(told)
        case ["role", name, told]:
            known.roles[name] = _to_role(told)
        case ["kinds", told]:
            for template, role, own, foreign, subjects, day, grown, private in told:
                kind = known.kinds[(template, role)] = Kind()
                kind.own, kind.foreign, kind.subjects = own, foreign, int(subjects, 16)
                kind.day, kind.grown, kind.private = day, grown, private
        case ["table", name, told] if name in _TABLES:
            table: Bounded[Any] = getattr(known, name)
            for key, value in told:
                table.put(key, value)
        case ["normal", told]:
            behaviour.normal = [Normal.from_json(one) for one in told]
        case ["drift", window, seen, frozen]:
            behaviour.drift.window, behaviour.drift.seen, behaviour.drift.frozen = window, seen, frozen
        case ["lately", told]:
            behaviour.lately = {
                (Abuse(abuse), operation): [(time, who) for time, who in times] for abuse, operation, times in told
            }
        case ["incidents", following, told, keys]:
            incidents.restore([Incident.from_json(one) for one in told], following, keys)
        case ["actors", told]:
            for key, role, fields in told:
                behaviour.actors.table[key] = _to_actor(role, fields)
        case _:
            raise SnapshotError(f"expected a line of a model, got `{str(line)[:80]}`")


def _chunks(items: Iterable[Any]) -> Iterator[list[Any]]:
    chunk = []
    for item in items:
        chunk.append(item)
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _actor(actor: Actor) -> list[Any]:
    told = []
    for name in Actor.__slots__:
        value = getattr(actor, name)
        if name in _ARRAYS and value is not None:
            value = list(value)
        elif name in _BIG:
            # JSON has no large whole numbers that every reader takes.
            value = hex(value) if value else 0
        elif name in ("guesses", "repeats") and value is not None:
            value = list(value.items())
        elif name == "scores" and value is not None:
            value = [
                [
                    abuse.value,
                    score.time,
                    score.alerted,
                    [
                        [one, part.weight, part.sentence, part.observed, part.expected, part.sure]
                        for one, part in score.parts.items()
                    ],
                ]
                for abuse, score in value.items()
            ]
        told.append(value)
    return told


def _to_actor(role: str, fields: list[Any]) -> Actor:
    actor = Actor(role, 0)
    for name, value in zip(Actor.__slots__, fields, strict=True):
        if name in _ARRAYS and value is not None:
            value = array(_ARRAYS[name], value)
        elif name in _BIG:
            value = int(value, 16) if value else 0
        elif name in ("guesses", "repeats") and value is not None:
            value = {int(key): entry for key, entry in value}
        elif name == "scores" and value is not None:
            value = {
                Abuse(abuse): Score(time, {part[0]: Part(*part[1:]) for part in parts}, alerted)
                for abuse, time, alerted, parts in value
            }
        setattr(actor, name, value)
    return actor


def _spread(spread: Spread) -> list[float]:
    return spread.counts


def _operation(one: Operation) -> list[Any]:
    return [
        one.number,
        one.calls,
        one.anonymous,
        one.failing,
        one.familiar_failing,
        one.tried,
        hex(one.users),
        list(one.roles.items()),
        list(one.before.items()),
        _spread(one.repeats),
    ]


def _to_operation(told: list[Any]) -> Operation:
    one = Operation(int(told[0]))
    one.calls, one.anonymous, one.failing, one.familiar_failing, one.tried = told[1:6]
    one.users = int(told[6], 16)
    one.roles = {int(key): int(value) for key, value in told[7]}
    one.before = {int(key): int(value) for key, value in told[8]}
    one.repeats = Spread(told[9])
    return one


def _role(one: Role) -> list[Any]:
    return [
        one.number,
        one.events,
        one.actors,
        one.surprise,
        _spread(one.runs),
        _spread(one.bad),
        [_spread(spread) for spread in one.short],
        [_spread(spread) for spread in one.long],
        [[key, list(after.items())] for key, after in one.next.items()],
    ]


def _to_role(told: list[Any]) -> Role:
    one = Role(int(told[0]))
    one.events, one.actors, one.surprise = told[1:4]
    one.runs, one.bad = Spread(told[4]), Spread(told[5])
    one.short = [Spread(counts) for counts in told[6]]
    one.long = [Spread(counts) for counts in told[7]]
    one.next = {int(key): {int(name): count for name, count in after} for key, after in told[8]}
    return one
