"""From recorded exchanges to operations as traffic shows them: parameters, bodies and data, without values.

Rows come from the named queries `seen_requests` and `seen_fields`. A masked value tells nothing but its class.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from stockade.core import bodies
from stockade.prevent.inventory.declared import Declared
from stockade.prevent.inventory.paths import PathLearner
from stockade.prevent.inventory.seen import BodySeen, DataSeen, FieldSeen, OperationSeen, ParameterSeen, Side
from stockade.prevent.inventory.sensitive import BY_NAME, CERTAINTY, class_of_name, data_in

LEAST = 0.1
"""Confidence below which a class of data is chance: one in ten numbers has a good check digit."""

FIELDS_TOLD = 64
"""Fields that the gateway tells of one body at most: of such a body some may be missing."""

_PARTS, _PARAMETER = "\x1f", re.compile(r"\{([^}]+)\}")
_FORM = "application/x-www-form-urlencoded"

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Values:
    """What the values of one parameter or field were."""

    count: int = 0
    types: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    data: Counter[str] = field(default_factory=Counter)
    repeated: bool = False

    def data_seen(self, name: str) -> tuple[DataSeen, ...]:
        """Classes, the most certain first."""
        return data_seen(name, self.data, self.count)


@dataclass(slots=True)
class _Operation:
    """What is gathered of one operation."""

    samples: int = 0
    statuses: set[int] = field(default_factory=set)
    path: dict[str, _Values] = field(default_factory=lambda: defaultdict(_Values))
    query: dict[str, _Values] = field(default_factory=lambda: defaultdict(_Values))
    media: dict[tuple[Side, int | None], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    shapes: dict[tuple[Side, int | None], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


class Templates:
    """Finds the operation of a row: by its id where it is declared, else by the template that traffic shows.

    Args:
        declared: operations of the contracts.
        rows: requests that are not declared, with `api`, `method` and `path`.
    """

    def __init__(self, declared: Iterable[Declared], rows: Iterable[Row]) -> None:
        self._declared = {(one.api, one.operation): one for one in declared}
        learners: dict[str, PathLearner] = {}
        for row in rows:
            learner = learners.setdefault(row["api"], PathLearner())
            learner.add(row["method"], row["path"], row.get("exchanges", 1))
        self._learned: dict[tuple[str, str], list[tuple[re.Pattern[str], str]]] = defaultdict(list)
        for api, learner in learners.items():
            # Words before values, so that `/users/me` is not taken for a user.
            for one in sorted(learner.templates(), key=lambda template: len(template.parameters)):
                self._learned[api, one.method].append((pattern_of(one.path), one.path))

    def of(self, row: Row) -> tuple[str, str, str, str | None] | None:
        """API, method, template and operation id of a row; None when nothing is known of it."""
        api, operation = row["api"], row["operation"]
        if operation is not None:
            one = self._declared.get((api, operation))
            return None if one is None else (api, one.method, one.whole_path, operation)
        for pattern, path in self._learned[api, row["method"]]:
            if pattern.fullmatch(row["path"] or ""):
                return api, row["method"], path, None
        return None


def pattern_of(template: str) -> re.Pattern[str]:
    """What fits a template; each value is a group."""
    return re.compile(_PARAMETER.sub("([^/]+)", re.sub(r"[.+*?()\[\]^$|\\]", r"\\\g<0>", template)) + "/?")


def observe(templates: Templates, requests: Iterable[Row], fields: Iterable[Row]) -> list[OperationSeen]:
    """Operations by API, path and method.

    Args:
        templates: which operation a row belongs to.
        requests: rows of `seen_requests`.
        fields: rows of `seen_fields`.
    """
    found: dict[tuple[str, str, str, str | None], _Operation] = defaultdict(_Operation)
    patterns: dict[str, tuple[re.Pattern[str], list[str]]] = {}
    for row in requests:
        key = templates.of(row)
        if key is not None:
            if key[2] not in patterns:
                patterns[key[2]] = (pattern_of(key[2]), _PARAMETER.findall(key[2]))
            _add_request(found[key], row, *patterns[key[2]])
    for row in fields:
        key = templates.of(row)
        if key is not None:
            _add_fields(found[key], row)
    ordered = sorted(found.items(), key=lambda one: (one[0][0], one[0][2], one[0][1]))
    return [_operation(key, operation) for key, operation in ordered]


def _add_request(into: _Operation, row: Row, pattern: re.Pattern[str], names: Sequence[str]) -> None:
    into.samples += 1
    into.statuses.add(row["status"])
    if row["request_type"]:
        into.media["request", None][row["request_type"]] += 1
    if row["response_type"]:
        into.media["response", row["status"]][row["response_type"]] += 1
    fitting = pattern.fullmatch(row["path"])
    if fitting and names:
        text = "&".join(f"{name}={quote(value)}" for name, value in zip(names, fitting.groups(), strict=True))
        _add_values(into.path, text)
    if row["query"]:
        _add_values(into.query, row["query"])


def _add_values(into: dict[str, _Values], text: str) -> None:
    pairs = [pair.partition("=") for pair in text.split("&")[:FIELDS_TOLD] if pair]
    names = Counter(name for name, _, _ in pairs)
    told = {one["field"]: one for one in bodies.body_fields(_FORM, None, text.encode())}
    for name, value in {name: value for name, _, value in pairs}.items():
        one = told.get(name)
        if one is None:
            continue
        values = into[name]
        values.count += 1
        values.repeated |= names[name] > 1
        masked = [data.data_class for data in data_in(value)] if "[" in value else []
        values.formats["email" if masked == ["email"] else one.get("format", "")] += 1
        values.data.update({*masked, *([one["data"]] if "data" in one else [])})


def _add_fields(into: _Operation, row: Row) -> None:
    into.statuses.add(row["status"])
    for side, status in (("request", None), ("response", row["status"])):
        shape = row[f"{side}_fields"]
        # What was asked with a request that failed need not be what the operation takes.
        if shape and (side == "response" or row["status"] < 400):
            into.shapes[side, status][shape] += row["samples"]  # type: ignore[index]
            if row[f"{side}_type"]:
                into.media[side, status][row[f"{side}_type"]] += 0  # type: ignore[index]


def _operation(key: tuple[str, str, str, str | None], found: _Operation) -> OperationSeen:
    api, method, path, operation = key
    names = _PARAMETER.findall(path)
    parameters = [_parameter(name, "path", found.path.get(name, _Values()), 0) for name in names]
    parameters += [_parameter(name, "query", values, found.samples) for name, values in sorted(found.query.items())]
    sides = sorted({*found.media, *found.shapes}, key=lambda side: (side[0], side[1] or 0))
    bodies_seen = [_body(side, status, found) for side, status in sides]
    return OperationSeen(
        api,
        method,
        path,
        operation,
        found.samples,
        tuple(parameters),
        tuple(bodies_seen),
        tuple(sorted(found.statuses)),
    )


def _parameter(name: str, place: Any, values: _Values, samples: int) -> ParameterSeen:
    kind, form = type_of(values.formats)
    required = place == "path" or (samples > 0 and values.count == samples)
    return ParameterSeen(name, place, kind, form, values.count, required, values.repeated, values.data_seen(name))


def type_of(formats: Mapping[str, int]) -> tuple[str, str | None]:
    """Type and format of a parameter by the forms that its values had; a text without a form makes it a string."""
    forms = {form for form, count in formats.items() if count}
    if len(forms) == 1 and "" not in forms:
        form = next(iter(forms))
        return (form, None) if form in ("integer", "number", "boolean") else ("string", form)
    return ("number", None) if forms == {"integer", "number"} else ("string", None)


def _body(side: Side, status: int | None, found: _Operation) -> BodySeen:
    media = found.media[side, status].most_common(1)
    shapes = found.shapes[side, status]
    return BodySeen(side, status, media[0][0] if media else None, shapes.total(), fields_of(shapes))


def fields_of(shapes: Mapping[str, int]) -> tuple[FieldSeen, ...]:
    """The fields of several shapes as one.

    Args:
        shapes: texts as the columns `request_fields` and `response_fields` hold them, with how often each was seen.
    """
    found: dict[str, _Values] = defaultdict(_Values)
    holders: Counter[str] = Counter()
    cut = False
    for shape, count in shapes.items():
        parts = [part.split(":") for part in shape.split(_PARTS)]
        cut |= len(parts) >= FIELDS_TOLD
        for place, kind, *more in parts:
            values = found[place]
            values.types[kind] += count
            if kind == "string":
                values.formats[more[0] if more else ""] += count
            if len(more) > 1 and more[1]:
                values.data[more[1]] += count
        places = {part[0] for part in parts}
        for place in places:
            found[place].count += count
        holders.update(dict.fromkeys({holder for place in places for holder in _holders(place)}, count))
    return tuple(_field(place, values, holders, cut) for place, values in sorted(found.items()))


def _field(place: str, values: _Values, holders: Mapping[str, int], cut: bool) -> FieldSeen:
    forms = {form for form, count in values.formats.items() if count}
    form = forms.pop() if len(forms) == 1 else None
    required = not cut and "{}" not in place and values.count >= holders[_holder(place)]
    types = tuple(kind for kind, _ in values.types.most_common())
    return FieldSeen(place, types, form or None, values.count, required, values.data_seen(place))


def _holder(place: str) -> str:
    """What a field stands in: `items[]` for `items[].sku`, nothing for one at the top."""
    if place.endswith("[]"):
        return place.removesuffix("[]")
    return place.rpartition(".")[0]


def _holders(place: str) -> list[str]:
    found = [place, ""]
    while place := _holder(place):
        found.append(place)
    return found


def data_seen(name: str, hits: Mapping[str, int], count: int) -> tuple[DataSeen, ...]:
    """Classes of data of a field or parameter, the most certain first.

    Args:
        name: with the names around it.
        hits: samples in which each class was recognised.
        count: samples in all.
    """
    by_name = class_of_name(name)
    found = [
        DataSeen(data_class, round(CERTAINTY[data_class] * min(1.0, samples / max(count, 1)), 3), "value")
        for data_class, samples in hits.items()
        if data_class in CERTAINTY
    ]
    found = [one for one in found if one.confidence >= (0 if one.data_class == by_name else LEAST)]
    if by_name is not None and all(one.data_class != by_name for one in found):
        found.append(DataSeen(by_name, BY_NAME, "name"))
    return tuple(sorted(found, key=lambda one: (-one.confidence, one.data_class)))
