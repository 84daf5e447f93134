"""One schema of OpenAPI 3.0 or 3.1 to JSON Schema 2020-12, keyword by keyword.

Only keywords that decide about a value are kept. What becomes of references is left to those who keep the schemas that
are referred to (`schemas`, `compound`).
"""

from collections.abc import Callable
from typing import Any, Literal

from stockade.prevent.inventory.openapi import discriminators
from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.operation import Schema

Direction = Literal["request", "response"]
"""Whether a value is sent to the API or by it: `readOnly` and `writeOnly` mean opposite things."""

_PLAIN = {
    "type", "enum", "const", "format", "pattern", "required", "multipleOf", "maximum", "minimum", "exclusiveMaximum",
    "exclusiveMinimum", "maxLength", "minLength", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
    "maxProperties", "minProperties", "dependentRequired", "x-data-class",
}  # fmt: skip
_BESIDE = {"format", "x-data-class"}
"""Keywords that are not of the vocabulary for validation."""
_SCHEMA = {"not", "if", "then", "else"}
_SCHEMA_BELOW = {
    "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
_SCHEMAS = {"allOf", "anyOf", "oneOf"}
_SCHEMAS_BELOW = {"prefixItems"}
_NAMED_BELOW = {"properties", "patternProperties"}
_NAMED = {"dependentSchemas"}
_TYPES = {"null", "boolean", "object", "array", "number", "integer", "string"}
_PARTS_DEPTH = 8
_INTEGERS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
"""Ranges of the formats for integers (OpenAPI 3.1, 4.4)."""


class Converter:
    """Converts schemas; subclasses say what a reference becomes."""

    def __init__(self, documents: Documents, *, is_3_0: bool, read_only: bool) -> None:
        """Begin.

        Args:
            documents: follows references and collects problems.
            is_3_0: whether schemas are written in the dialect of OpenAPI 3.0.
            read_only: whether a request may hold `readOnly` properties.
        """
        self._documents = documents
        self._is_3_0 = is_3_0
        self._read_only = read_only
        self._direction: Direction = "request"
        self._marked_beside: frozenset[str] = frozenset()
        """Properties that other parts of the schema which is being converted mark."""

    def _refer(self, place: Place, reference: str, owner: str | None, *, same_value: bool) -> dict[str, Any] | None:
        """What stands for `$ref`; None when it leads nowhere."""
        raise NotImplementedError

    def _refer_dynamic(
        self, place: Place, reference: str, owner: str | None, *, same_value: bool
    ) -> dict[str, Any] | None:
        """What stands for a `$dynamicRef` that really is one."""
        raise NotImplementedError

    def _instead(self, place: Place) -> Schema | None:
        """What stands for a whole schema that is kept elsewhere; None when it is converted where it stands."""
        del place
        return None

    def _convert(self, place: Place, owner: str | None, *, same_value: bool = True) -> Schema:
        """One schema; `owner` is the named schema that it stands in."""
        value = place.node.value
        if isinstance(value, bool):
            return value
        if value is None:
            self._documents.warning(place, "the schema is empty, so anything is taken")
            return True
        if not isinstance(value, dict):
            self._documents.problem(place, "expected a schema: a mapping, or true or false")
            return True
        instead = self._instead(place)
        return self._convert_here(place, owner, same_value=same_value) if instead is None else instead

    def _convert_here(self, place: Place, owner: str | None, *, same_value: bool) -> Schema:
        schema: dict[str, Any] = {}
        if (reference := place.text("$ref")) is not None:
            referred = self._refer(place, reference, owner, same_value=same_value)
            if referred is None:
                return True
            schema.update(referred)
            if self._is_3_0:
                # OpenAPI 3.0.3, 4.7.23: what stands beside a reference is ignored.
                return schema
        if (reference := place.text("$dynamicRef")) is not None and not self._is_3_0:
            referred = self._dynamic(place, reference, owner, same_value=same_value)
            if referred is not None and "$ref" in referred and "$ref" in schema:
                schema["allOf"] = [referred]
            elif referred is not None:
                schema.update(referred)
        if place.text("$recursiveRef") is not None and not self._is_3_0:
            schema.update(self._recursive(place, owner, same_value=same_value))
        beside = self._marked_beside
        self._marked_beside = beside | self._marked_within(place)
        validates = self._documents.validates(place)
        for key, below in place.mapping():
            if validates or key not in _PLAIN or key in _BESIDE:
                self._keyword(schema, key, below, owner, same_value=same_value)
        self._check_type(place, schema)
        self._direct(place, schema)
        self._marked_beside = beside
        discriminators.apply(self._documents, place, schema)
        return self._from_3_0(place, schema) if self._is_3_0 else schema

    def _dynamic(self, place: Place, reference: str, owner: str | None, *, same_value: bool) -> dict[str, Any] | None:
        """A `$dynamicRef` whose target has no such `$dynamicAnchor` is an ordinary reference (2020-12, 8.2.3.2)."""
        if self._documents.standard(place, reference) is not None:
            return self._refer(place, reference, owner, same_value=same_value)
        target = self._documents.resolve(place, reference)
        if target is None:
            return None
        if target.text("$dynamicAnchor") == reference.partition("#")[2]:
            return self._refer_dynamic(place, reference, owner, same_value=same_value)
        return self._refer(place, reference, owner, same_value=same_value)

    def _recursive(self, place: Place, owner: str | None, *, same_value: bool) -> dict[str, Any]:
        """A `$recursiveRef` (2019-09) is about the schema around it that has `$recursiveAnchor`."""
        around = self._documents.around(place, "$recursiveAnchor")
        if around is None:
            self._documents.warning(place, "`$recursiveRef` names nothing here, so anything is taken", "write `$ref`")
            return {}
        return self._refer(place, f"#{around.pointer}", owner, same_value=same_value) or {}

    def _keyword(self, schema: dict[str, Any], key: str, place: Place, owner: str | None, *, same_value: bool) -> None:
        def same(inner: Place) -> Schema:
            return self._convert(inner, owner, same_value=same_value)

        def other(inner: Place) -> Schema:
            beside, self._marked_beside = self._marked_beside, frozenset()
            converted = self._convert(inner, owner, same_value=False)
            self._marked_beside = beside
            return converted

        if key in _PLAIN:
            schema[key] = place.node.plain()
        elif key in _SCHEMA:
            schema[key] = same(place)
        elif key in _SCHEMA_BELOW:
            schema[key] = other(place)
        elif key in _SCHEMAS | _SCHEMAS_BELOW:
            converted = self._list(place, same if key in _SCHEMAS else other)
            schema[key] = [*schema.get(key, []), *converted]
        elif key in _NAMED | _NAMED_BELOW:
            schema[key] = self._mapping(place, same if key in _NAMED else other)

    def _list(self, place: Place, convert: Callable[[Place], Schema]) -> list[Schema]:
        if not isinstance(place.node.value, list):
            self._documents.problem(place, "expected a list of schemas")
        return [convert(item) for item in place.items()]

    def _mapping(self, place: Place, convert: Callable[[Place], Schema]) -> dict[str, Schema]:
        if not isinstance(place.node.value, dict):
            self._documents.problem(place, "expected a mapping of schemas")
        return {key: convert(below) for key, below in place.mapping()}

    def _check_type(self, place: Place, schema: dict[str, Any]) -> None:
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        for kind in kinds:
            if not isinstance(kind, str) or kind not in _TYPES:
                self._documents.problem(place, f"expected a type of {', '.join(sorted(_TYPES))}", str(kind))
        bounds = _INTEGERS.get(str(schema.get("format"))) if "integer" in kinds else None
        if bounds is not None:
            if not schema.keys() & {"minimum", "exclusiveMinimum"}:
                schema["minimum"] = bounds[0]
            if not schema.keys() & {"maximum", "exclusiveMaximum"}:
                schema["maximum"] = bounds[1]

    def _direct(self, place: Place, schema: dict[str, Any]) -> None:
        """What may only go the other way need not be there, and where it must not be, is refused.

        OpenAPI 3.1, 4.8.24.2; 3.0.3, 4.7.24.2.
        """
        marked = self._marked_here(place)
        if isinstance(schema.get("required"), list) and (marked or self._marked_beside):
            dropped = marked | self._marked_beside
            schema["required"] = [name for name in schema["required"] if name not in dropped]
        if isinstance(schema.get("properties"), dict) and (self._direction == "response" or not self._read_only):
            schema["properties"].update(dict.fromkeys(marked, False))

    def _marked_here(self, place: Place) -> frozenset[str]:
        properties = place.below("properties")
        mark = "readOnly" if self._direction == "request" else "writeOnly"
        return frozenset(name for name, below in (properties.mapping() if properties else []) if self._has(below, mark))

    def _marked_within(self, place: Place, depth: int = 0) -> frozenset[str]:
        """Properties that the parts of `allOf` mark: one part may require what another one marks."""
        listed = place.below("allOf")
        found: frozenset[str] = frozenset()
        for item in listed.items() if listed and depth < _PARTS_DEPTH else []:
            reference = item.text("$ref")
            part = (
                item if reference is None or self._documents.standard(item, reference) else self._documents.follow(item)
            )
            if part is not None:
                found |= self._marked_here(part) | self._marked_within(part, depth + 1)
        return found

    def _has(self, place: Place, mark: str) -> bool:
        if place.flag(mark):
            return True
        if place.text("$ref") is None or self._documents.standard(place, place.text("$ref") or ""):
            return False
        target = self._documents.follow(place)
        return target is not None and target.flag(mark)

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
