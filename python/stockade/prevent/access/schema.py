"""The Cedar schema of an API, made from its operations: what policies may say of callers, operations and requests.

Cedar's JSON form of schemas. Only what has a type that Cedar knows stands in it; a policy that names anything else is
told so when it is checked, not when it is evaluated.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stockade.prevent.inventory.operation import Operation, Schema

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
"""Methods that have an action of their own: it stands for operations that the contract does not know."""

_MOST_DEPTH = 5
_TEXT = {"type": "String"}
_TEXTS = {"type": "Set", "element": _TEXT}
_LONG = {"type": "Long"}
_TRUTH = {"type": "Boolean"}
_DECIMAL = {"type": "Extension", "name": "decimal"}
_CLAIMS: Mapping[str, Mapping[str, Any]] = {"text": _TEXT, "number": _LONG, "truth": _TRUTH, "texts": _TEXTS}
_SCALARS = {"string": _TEXT, "integer": _LONG, "boolean": _TRUTH, "number": _DECIMAL}


def schema(
    operations: Sequence[Operation], definitions: Mapping[str, Schema], claims: Mapping[str, str]
) -> dict[str, Any]:
    """The schema.

    Args:
        operations: operations of the contract.
        definitions: named schemas that theirs refer to.
        claims: claims of tokens that policies may read, and their types: `text`, `number`, `truth` or `texts`.
    """
    tags = sorted({tag for operation in operations for tag in operation.tags})
    groups: dict[str, Any] = {f"tag:{tag}": {} for tag in tags}
    groups |= {f"method:{method}": _action((), _record({}), _record({}), None) for method in METHODS}
    actions = {operation.id: _of_operation(operation, definitions) for operation in operations}
    kept = {name: _optional(_CLAIMS[kind]) for name, kind in claims.items()}
    return {
        "": {
            "entityTypes": {
                "Role": {},
                "Caller": {
                    "memberOfTypes": ["Role"],
                    "shape": _record(
                        {
                            "known": _TRUTH,
                            "subject": _TEXT,
                            "method": _TEXT,
                            "issuer": _optional(_TEXT),
                            "client": _optional(_TEXT),
                            "key": _optional(_TEXT),
                            "roles": _TEXTS,
                            "scopes": _TEXTS,
                            "claims": _record(kept),
                        }
                    ),
                },
                "Resource": {
                    "shape": _record(
                        {
                            "path": _TEXT,
                            "kind": _optional(_TEXT),
                            "id": _optional(_TEXT),
                            "owner": _optional(_TEXT),
                            "own": _TRUTH,
                        }
                    )
                },
            },
            "actions": groups | actions,
        }
    }


def _of_operation(operation: Operation, definitions: Mapping[str, Schema]) -> dict[str, Any]:
    path = {
        one.name: kind
        for one in operation.parameters
        if one.place == "path" and (kind := _scalar(one.schema, definitions))
    }
    query: dict[str, Any] = {}
    for one in operation.parameters:
        kind = (
            _value(one.schema, definitions, 0) if one.place == "query" and one.style == "form" and one.explode else None
        )
        if kind and kind["type"] != "Record" and kind.get("element", {}).get("type") != "Record":
            query[one.name] = kind if one.required else _optional(kind)
    body = None
    if operation.body is not None:
        media = next((media for media in operation.body.content if media.media_type == "application/json"), None)
        body = _value(media.schema, definitions, 0) if media and media.schema is not None else None
    groups = (*(f"tag:{tag}" for tag in operation.tags), f"method:{operation.method}")
    return _action(groups, _record(path), _record(query), body if body and body["type"] == "Record" else None)


def _action(groups: Iterable[str], path: Any, query: Any, body: Any) -> dict[str, Any]:
    context = {
        "address": {"type": "Extension", "name": "ipaddr"},
        "now": {"type": "Extension", "name": "datetime"},
        "hour": _LONG,
        "weekday": _LONG,
        "tls": _TRUTH,
        "certificate": _optional(_record({"subject": _TEXT, "sha256": _TEXT})),
        "path": path,
        "query": query,
    }
    if body is not None:
        context["body"] = _optional(body)
    return {
        "memberOf": [{"id": group} for group in dict.fromkeys(groups)],
        "appliesTo": {"principalTypes": ["Caller"], "resourceTypes": ["Resource"], "context": _record(context)},
    }


def _record(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Record", "attributes": dict(attributes)}


def _optional(kind: Mapping[str, Any]) -> dict[str, Any]:
    return {**kind, "required": False}


def _scalar(schema: Schema, definitions: Mapping[str, Schema]) -> dict[str, Any] | None:
    kind = _value(schema, definitions, 0)
    return kind if kind and kind in _SCALARS.values() else None


def _value(schema: Schema | None, definitions: Mapping[str, Schema], depth: int) -> dict[str, Any] | None:
    """The Cedar type of a JSON Schema; None when there is none, or several."""
    merged = _merged(schema, definitions, depth)
    if merged is None:
        return None
    kind = _json_type(merged)
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind == "array":
        element = _value(merged.get("items"), definitions, depth + 1)
        return {"type": "Set", "element": element} if element else None
    if kind != "object":
        return None
    required = set(merged.get("required", ()))
    attributes: dict[str, Any] = {}
    for name, below in merged.get("properties", {}).items():
        inner = _value(below, definitions, depth + 1)
        if inner is not None:
            # null is not a value in Cedar: the attribute is not there then.
            sure = name in required and not _may_be_null(below, definitions)
            attributes[name] = inner if sure else _optional(inner)
    return _record(attributes)


def _merged(schema: Schema | None, definitions: Mapping[str, Schema], depth: int) -> dict[str, Any] | None:
    """A schema with its references followed and its `allOf` joined; None when it ends nowhere near."""
    if not isinstance(schema, dict) or depth > _MOST_DEPTH:
        return None
    merged = {key: value for key, value in schema.items() if key not in {"$ref", "allOf", "$defs"}}
    parts = list(schema.get("allOf", ()))
    if "$ref" in schema:
        parts.append(definitions.get(str(schema["$ref"]).removeprefix("#/$defs/"), False))
    for part in parts:
        below = _merged(part, definitions, depth + 1)
        if below is None:
            continue
        merged["properties"] = {**below.get("properties", {}), **merged.get("properties", {})}
        merged["required"] = [*below.get("required", ()), *merged.get("required", ())]
        for key in ("type", "items", "enum", "const"):
            if key in below:
                merged.setdefault(key, below[key])
    return merged


def _json_type(schema: Mapping[str, Any]) -> str | None:
    named = schema.get("type")
    kinds = [kind for kind in ([named] if isinstance(named, str) else named or []) if kind != "null"]
    if kinds:
        return kinds[0] if len(kinds) == 1 else None
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values and all(isinstance(value, str) for value in values):
        return "string"
    return "object" if schema.get("properties") else None


def _may_be_null(schema: Schema, definitions: Mapping[str, Schema]) -> bool:
    merged = _merged(schema, definitions, 0) or {}
    named = merged.get("type")
    return (isinstance(named, list) and "null" in named) or None in merged.get("enum", ())
