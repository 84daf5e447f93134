"""Drift: bodies of an operation that are not shaped as they were.

The recent samples are compared with those before. A field is new when no earlier sample had it, gone when hardly any
earlier sample was without it and no recent one has it, and changed when it has a type that it never had.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from stockade.prevent.inventory.observe import Templates
from stockade.prevent.inventory.seen import Side

ENOUGH = 20
"""Samples that there must be, before and recently: fewer say nothing of what is missing."""

NEARLY_ALWAYS = 0.95
"""Share of earlier samples that had a field from which it is missed."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One change of shape."""

    side: Side
    """Which message."""
    status: int | None
    """Status of the response; None for a request."""
    field: str
    """Where the field stands."""
    change: Literal["new", "gone", "type"]
    """What happened."""
    detail: str
    """What it was and what it is, in types."""


@dataclass(slots=True)
class _Shape:
    samples: int = 0
    types: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    having: Counter[str] = field(default_factory=Counter)


def drift(templates: Templates, rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], tuple[Drift, ...]]:
    """Changes by API, method and template.

    Args:
        templates: which operation a row belongs to.
        rows: rows of `seen_fields`, asked with `recent`.
    """
    found: dict[tuple[tuple[str, str, str], Side, int | None], tuple[_Shape, _Shape]] = {}
    for row in rows:
        operation = templates.of(row)
        if operation is None:
            continue
        for side, status in (("request", None), ("response", row["status"])):
            if row[f"{side}_fields"]:
                key: Any = (operation[:3], side, status)
                shapes = found.setdefault(key, (_Shape(), _Shape()))
                _add(shapes[row["recent"]], row[f"{side}_fields"], row["samples"])
    changes: dict[tuple[str, str, str], list[Drift]] = defaultdict(list)
    for (operation_key, side_seen, status_seen), (before, now) in found.items():
        if before.samples >= ENOUGH and now.samples >= ENOUGH:
            changes[operation_key] += _compared(side_seen, status_seen, before, now)
    return {key: tuple(found) for key, found in changes.items() if found}


def _add(shape: _Shape, text: str, samples: int) -> None:
    shape.samples += samples
    parts = [part.split(":") for part in text.split("\x1f")]
    for place, kind, *_ in parts:
        shape.types[place][kind] += samples
    shape.having.update(dict.fromkeys({part[0] for part in parts}, samples))


def _compared(side: Side, status: int | None, before: _Shape, now: _Shape) -> list[Drift]:
    found = []
    for place in sorted({*before.types, *now.types}):
        was, is_now = _types(before, place), _types(now, place)
        if not was and not any(other.startswith((f"{place}.", f"{place}[]")) for other in before.types):
            found.append(Drift(side, status, place, "new", f"now {is_now}"))
        elif not is_now:
            missed = before.having[place] >= before.samples * NEARLY_ALWAYS
            inside = any(other.startswith((f"{place}.", f"{place}[]")) for other in now.types)
            if missed and not inside:
                found.append(Drift(side, status, place, "gone", f"was {was}"))
        elif was and set(now.types[place]) - set(before.types[place]):
            found.append(Drift(side, status, place, "type", f"was {was}, now {is_now}"))
    return found


def _types(shape: _Shape, place: str) -> str:
    return " or ".join(sorted(shape.types[place])) if place in shape.types else ""
