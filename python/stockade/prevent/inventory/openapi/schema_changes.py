"""What changed between two schemas, and whether the new one takes less or more than the old one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stockade.prevent.inventory.operation import Schema

_DEPTH = 40
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains")
_FIXED = ("pattern", "format", "multipleOf", "uniqueItems", "const")
_ALL_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
Named = Mapping[str, Schema]
"""Named schemas of a document."""


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference."""

    place: str
    """Where, such as `.items[].note`; empty for the value itself."""
    what: str
    """What changed."""
    takes_less: bool
    """Whether values that were good are not any more."""
    takes_more: bool
    """Whether values are good that were not before."""


def changes(old: Schema, new: Schema, old_named: Named, new_named: Named) -> list[SchemaChange]:
    """The differences between two schemas; those that name each other are followed once."""
    return list(_Comparison(old_named, new_named).compare(old, new, "", 0))


class _Comparison:
    def __init__(self, old_named: Named, new_named: Named) -> None:
        self._old_named = old_named
        self._new_named = new_named
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, place: str, depth: int) -> Iterator[SchemaChange]:
        references = [schema.get("$ref") if isinstance(schema, dict) else None for schema in (old, new)]
        if all(isinstance(reference, str) for reference in references):
            pair = (str(references[0]), str(references[1]))
            if pair in self._seen:
                return
            self._seen.add(pair)
        if depth > _DEPTH:
            return
        before, after = _resolved(old, self._old_named), _resolved(new, self._new_named)
        if before == after and not _refers(before):
            return
        yield from self._types(before, after, place)
        yield from self._choices(before, after, place)
        yield from self._bounds(before, after, place)
        yield from self._properties(before, after, place, depth)
        yield from self._below(before, after, place, depth)
        yield from self._alternatives(before, after, place, depth)

    def _types(self, old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[SchemaChange]:
        before, after = _types(old), _types(new)
        gone, come = before - after, after - before
        if gone or come:
            text = f"type {_listed(_shown(before))} became {_listed(_shown(after))}"
            yield SchemaChange(place, text, bool(gone), bool(come))

    def _choices(self, old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[SchemaChange]:
        before, after = old.get("enum"), new.get("enum")
        if before == after:
            return
        if before is None or after is None:
            what = "became one of a list" if before is None else "is no longer one of a list"
            yield SchemaChange(place, what, before is None, after is None)
            return
        gone = [value for value in before if value not in after]
        come = [value for value in after if value not in before]
        if gone:
            yield SchemaChange(place, f"no longer takes {_listed(map(repr, gone))}", True, False)
        if come:
            yield SchemaChange(place, f"takes {_listed(map(repr, come))} as well", False, True)

    def _bounds(self, old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[SchemaChange]:
        for keyword in (*_LOWER, *_UPPER):
            before, after = old.get(keyword), new.get(keyword)
            if before == after:
                continue
            tighter = before is None or (after is not None and (after > before) == (keyword in _LOWER))
            text = f"`{keyword}` {'none' if before is None else before} became {'none' if after is None else after}"
            yield SchemaChange(place, text, tighter, not tighter)
        for keyword in _FIXED:
            before, after = old.get(keyword), new.get(keyword)
            if before != after:
                text = f"`{keyword}` {'none' if before is None else before} became {'none' if after is None else after}"
                yield SchemaChange(place, text, after is not None, before is not None)

    def _properties(self, old: dict[str, Any], new: dict[str, Any], place: str, depth: int) -> Iterator[SchemaChange]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", [])), set(new.get("required", []))
        for name in sorted(needed_after - needed_before):
            yield SchemaChange(f"{place}.{name}", "became required", True, False)
        for name in sorted(needed_before - needed_after):
            yield SchemaChange(f"{place}.{name}", "is no longer required", False, True)
        closed_before, closed_after = _is_closed(old), _is_closed(new)
        for name in before.keys() - after.keys():
            yield SchemaChange(f"{place}.{name}", "was taken out", closed_after, False)
        for name in after.keys() - before.keys():
            yield SchemaChange(f"{place}.{name}", "was added", False, closed_before)
        if closed_before != closed_after:
            what = "takes no other fields any more" if closed_after else "takes other fields as well"
            yield SchemaChange(place, what, closed_after, closed_before)
        for name in before.keys() & after.keys():
            yield from self.compare(before[name], after[name], f"{place}.{name}", depth + 1)

    def _below(self, old: dict[str, Any], new: dict[str, Any], place: str, depth: int) -> Iterator[SchemaChange]:
        for keyword, step in (("items", "[]"), ("additionalProperties", ".*")):
            before, after = old.get(keyword, True), new.get(keyword, True)
            if isinstance(before, dict) or isinstance(after, dict):
                yield from self.compare(before, after, place + step, depth + 1)

    def _alternatives(self, old: dict[str, Any], new: dict[str, Any], place: str, depth: int) -> Iterator[SchemaChange]:
        for keyword in ("anyOf", "oneOf"):
            before, after = old.get(keyword), new.get(keyword)
            if before is None and after is None:
                continue
            if before is None or after is None or len(before) != len(after):
                text = f"alternatives of `{keyword}`: {len(before or [])} became {len(after or [])}"
                less = after is not None and (before is None or len(after) < len(before))
                more = before is not None and (after is None or len(after) > len(before))
                yield SchemaChange(place, text, less, more)
                continue
            for one, other in zip(before, after, strict=True):
                yield from self.compare(one, other, place, depth + 1)


def _resolved(schema: Schema, named: Named) -> dict[str, Any]:
    """One schema with what it refers to and what stands in `allOf`, put together as far as that is plain."""
    merged: dict[str, Any] = {}
    todo: list[Schema] = [schema]
    count = 0
    while todo and count < _DEPTH:
        count += 1
        part = todo.pop(0)
        if part is False:
            return {"enum": []}
        if not isinstance(part, dict):
            continue
        reference = part.get("$ref")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            todo.append(named.get(reference.removeprefix("#/$defs/"), True))
        todo.extend(part.get("allOf", []))
        for key, value in part.items():
            if key == "properties":
                merged[key] = {**value, **merged.get(key, {})}
            elif key == "required":
                merged[key] = sorted({*merged.get(key, []), *value})
            elif key not in ("$ref", "allOf"):
                merged.setdefault(key, value)
    return merged


def _refers(schema: Any) -> bool:
    """Whether a schema names others: equal names may stand for different schemas."""
    if isinstance(schema, dict):
        return "$ref" in schema or any(_refers(value) for value in schema.values())
    return isinstance(schema, list) and any(_refers(value) for value in schema)


def _types(schema: dict[str, Any]) -> frozenset[str]:
    kinds = schema.get("type")
    found = (
        frozenset(kinds) if isinstance(kinds, list) else frozenset({kinds}) if isinstance(kinds, str) else _ALL_TYPES
    )
    return found | {"integer"} if "number" in found else found


def _shown(kinds: frozenset[str]) -> frozenset[str]:
    return frozenset({"anything"}) if kinds == _ALL_TYPES else kinds - {"integer"} if "number" in kinds else kinds


def _is_closed(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties") is False or schema.get("unevaluatedProperties") is False


def _listed(words: Any) -> str:
    found = sorted(words)
    return ", ".join(found[:8]) + (", ..." if len(found) > 8 else "")
