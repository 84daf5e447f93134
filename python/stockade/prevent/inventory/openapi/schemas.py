"""Schemas of OpenAPI 3.0 and 3.1 to self-contained JSON Schema 2020-12.

Only keywords that decide about a value are kept; of the named schemas, only those that are reachable.
"""

import re
from collections.abc import Callable
from typing import Any

from stockade.prevent.inventory.openapi.documents import Documents, Place
from stockade.prevent.inventory.operation import Schema

_PLAIN = {
    "type", "enum", "const", "format", "pattern", "required", "multipleOf", "maximum", "minimum", "exclusiveMaximum",
    "exclusiveMinimum", "maxLength", "minLength", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
    "maxProperties", "minProperties", "dependentRequired",
}  # fmt: skip
_SCHEMA = {"not", "if", "then", "else"}
_SCHEMA_BELOW = {
    "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
_SCHEMAS = {"allOf", "anyOf", "oneOf"}
_SCHEMAS_BELOW = {"prefixItems"}
_NAMED_BELOW = {"properties", "patternProperties"}
_NAMED = {"dependentSchemas"}
_TYPES = {"null", "boolean", "object", "array", "number", "integer", "string"}
_UNSUPPORTED = {"$dynamicRef", "$recursiveRef"}
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
_MOST_DEFINITIONS = 5000


def bundle(documents: Documents, place: Place, *, is_3_0: bool) -> Schema:
    """The schema at a place, with all it refers to in its own `$defs`.

    `readOnly` properties need not be sent in a request, so they are taken out of `required` (OpenAPI 3.1, 4.8.24;
    3.0.3, 4.7.24).

    Args:
        documents: follows references and collects problems.
        place: the schema.
        is_3_0: whether it is written in the dialect of OpenAPI 3.0.
    """
    bundler = _Bundler(documents, is_3_0=is_3_0)
    schema = bundler.convert(place, None)
    definitions = bundler.definitions()
    bundler.refuse_endless(place)
    if isinstance(schema, dict) and definitions:
        schema["$defs"] = definitions
    return schema


class _Bundler:
    def __init__(self, documents: Documents, *, is_3_0: bool) -> None:
        self._documents = documents
        self._is_3_0 = is_3_0
        self._names: dict[Any, str] = {}
        self._pending: list[tuple[str, Place]] = []
        # Edges between named schemas that look at the same value: a circle of them never ends.
        self._same_value: dict[str | None, set[str]] = {}

    def definitions(self) -> dict[str, Schema]:
        """Every named schema that is reachable, converted."""
        definitions: dict[str, Schema] = {}
        while self._pending:
            name, place = self._pending.pop(0)
            definitions[name] = self.convert(place, name)
        return definitions

    def refuse_endless(self, place: Place) -> None:
        """Note a problem when a schema refers to itself for one and the same value."""
        done: set[str] = set()
        for start in list(self._same_value):
            trail: list[tuple[str | None, Any]] = [(start, iter(self._same_value.get(start, ())))]
            on_trail = {start}
            while trail:
                name, below = trail[-1]
                following = next(below, None)
                if following is None:
                    trail.pop()
                    on_trail.discard(name)
                    if name is not None:
                        done.add(name)
                elif following in on_trail:
                    self._documents.problem(place, f"expected schemas that end; `{following}` refers to itself")
                    return
                elif following not in done:
                    on_trail.add(following)
                    trail.append((following, iter(self._same_value.get(following, ()))))

    def convert(self, place: Place, owner: str | None, *, same_value: bool = True) -> Schema:
        """One schema; `owner` is the named schema that it stands in."""
        value = place.node.value
        if isinstance(value, bool):
            return value
        if not isinstance(value, dict):
            self._documents.problem(place, "expected a schema: a mapping, or true or false")
            return True
        schema: dict[str, Any] = {}
        if (reference := place.text("$ref")) is not None:
            name = self._name(place, reference)
            if name is None:
                return True
            if same_value:
                self._same_value.setdefault(owner, set()).add(name)
            schema["$ref"] = f"#/$defs/{name}"
            if self._is_3_0:
                # OpenAPI 3.0.3, 4.7.23: what stands beside a reference is ignored.
                return schema
        for key, below in place.mapping():
            self._keyword(schema, key, below, owner, same_value=same_value)
        self._check_type(place, schema)
        self._drop_read_only(place, schema)
        return self._from_3_0(place, schema) if self._is_3_0 else schema

    def _keyword(self, schema: dict[str, Any], key: str, place: Place, owner: str | None, *, same_value: bool) -> None:
        def same(inner: Place) -> Schema:
            return self.convert(inner, owner, same_value=same_value)

        def other(inner: Place) -> Schema:
            return self.convert(inner, owner, same_value=False)

        if key in _PLAIN:
            schema[key] = place.node.plain()
        elif key in _SCHEMA:
            schema[key] = same(place)
        elif key in _SCHEMA_BELOW:
            schema[key] = other(place)
        elif key in _SCHEMAS | _SCHEMAS_BELOW:
            schema[key] = self._list(place, same if key in _SCHEMAS else other)
        elif key in _NAMED | _NAMED_BELOW:
            schema[key] = self._mapping(place, same if key in _NAMED else other)
        elif key in _UNSUPPORTED:
            self._documents.problem(place, f"expected a schema without `{key}`", hint="refer with `$ref`")

    def _list(self, place: Place, convert: Callable[[Place], Schema]) -> list[Schema]:
        if not isinstance(place.node.value, list):
            self._documents.problem(place, "expected a list of schemas")
        return [convert(item) for item in place.items()]

    def _mapping(self, place: Place, convert: Callable[[Place], Schema]) -> dict[str, Schema]:
        if not isinstance(place.node.value, dict):
            self._documents.problem(place, "expected a mapping of schemas")
        return {key: convert(below) for key, below in place.mapping()}

    def _name(self, place: Place, reference: str) -> str | None:
        target = self._documents.resolve(place, reference)
        if target is None:
            return None
        known = self._names.get(target.key)
        if known is not None:
            return known
        if len(self._names) >= _MOST_DEFINITIONS:
            self._documents.problem(place, f"expected at most {_MOST_DEFINITIONS} schemas reachable from one", "more")
            return None
        stem = _NAME.sub("_", target.steps[-1] if target.steps else target.file.stem)[:60] or "schema"
        name, count = stem, 1
        while name in self._names.values():
            count += 1
            name = f"{stem}_{count}"
        self._names[target.key] = name
        self._pending.append((name, target))
        return name

    def _check_type(self, place: Place, schema: dict[str, Any]) -> None:
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        for kind in kinds:
            if not isinstance(kind, str) or kind not in _TYPES:
                self._documents.problem(place, f"expected a type of {', '.join(sorted(_TYPES))}", str(kind))

    def _drop_read_only(self, place: Place, schema: dict[str, Any]) -> None:
        required = schema.get("required")
        properties = place.below("properties")
        if not isinstance(required, list) or properties is None:
            return
        read_only = {name for name, below in properties.mapping() if self._is_read_only(below)}
        schema["required"] = [name for name in required if name not in read_only]

    def _is_read_only(self, place: Place) -> bool:
        if place.flag("readOnly"):
            return True
        target = self._documents.follow(place)
        return target is not None and target.flag("readOnly")

    def _from_3_0(self, place: Place, schema: dict[str, Any]) -> Schema:
        for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if schema.get(exclusive) is True and bound in schema:
                schema[exclusive] = schema.pop(bound)
            elif isinstance(schema.get(exclusive), bool):
                del schema[exclusive]
        if not place.flag("nullable"):
            return schema
        if isinstance(schema.get("type"), str):
            schema["type"] = [schema["type"], "null"]
            if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
                schema["enum"] = [*schema["enum"], None]
            return schema
        # Without a type `nullable` says nothing by the letter (3.0.3); by the use that is made of it, null is welcome.
        return {"anyOf": [schema, {"type": "null"}]} if schema else schema
