"""An OpenAPI 3.1 document from what traffic shows: a contract to begin with, for an API that has none.

It says what was seen, not what is right: somebody who knows the API has to read it before it is enforced. Nothing of it
is a value, so nothing in it can be personal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stockade.prevent.inventory.seen import BodySeen, DataSeen, FieldSeen, OperationSeen, ParameterSeen

CERTAIN = 0.5
"""Confidence from which a class of data is declared."""
FEW = 5
"""Samples below which nothing is called required: what a few had may be chance."""

_CLASSES = {"card", "iban", "email", "jwt", "key", "token"}
"""Classes that `contract.response_classes` knows."""
_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")


@dataclass(slots=True)
class _Tree:
    """A place in bodies, and what is below it."""

    seen: FieldSeen | None = None
    properties: "dict[str, _Tree]" = field(default_factory=dict)
    others: "_Tree | None" = None
    items: "_Tree | None" = None


def document(title: str, base_path: str, operations: Iterable[OperationSeen]) -> dict[str, Any]:
    """The document.

    Args:
        title: name of the API.
        base_path: path that all its operations begin with; `/` for none.
        operations: what was seen, with whole paths.
    """
    paths: dict[str, dict[str, Any]] = {}
    taken: set[str] = set()
    for operation in sorted(operations, key=lambda one: (one.path, one.method)):
        path = operation.path.removeprefix(base_path.rstrip("/")) or "/"
        if operation.method == "TRACE" or not path.startswith("/"):
            continue
        paths.setdefault(path, {})[operation.method.lower()] = _operation(operation, path, taken)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": "0",
            "description": "Proposed from observed traffic. Read it before you enforce it.",
        },
        "servers": [{"url": base_path}],
        "paths": paths,
    }


def _operation(operation: OperationSeen, path: str, taken: set[str]) -> dict[str, Any]:
    written: dict[str, Any] = {"operationId": _name(operation.method, path, taken)}
    parameters = [_parameter(one, operation.samples) for one in operation.parameters]
    if parameters:
        written["parameters"] = parameters
    requests = [body for body in operation.bodies if body.side == "request" and body.media_type]
    if requests:
        samples = sum(body.samples for body in requests)
        required = samples >= max(operation.samples, FEW)
        written["requestBody"] = {"required": required, "content": _content(requests)}
    written["responses"] = {
        str(status): _response([body for body in operation.bodies if body.side == "response" and body.status == status])
        for status in operation.statuses
        if 200 <= status < 500
    } or {"default": {"description": "Not seen."}}
    return written


def _name(method: str, path: str, taken: set[str]) -> str:
    """An id such as `getOrdersByOrderId`."""
    words = [method.lower()]
    for step in path.strip("/").split("/"):
        plain = step.strip("{}")
        parts = [part for part in "".join(letter if letter.isalnum() else " " for letter in plain).split(" ") if part]
        word = "".join(part[0].upper() + part[1:] for part in parts)
        words.append(f"By{word}" if step.startswith("{") else word)
    base = name = "".join(words)
    number = 1
    while name in taken:
        number += 1
        name = f"{base}{number}"
    taken.add(name)
    return name


def _parameter(parameter: ParameterSeen, samples: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.format is not None and parameter.type == "string":
        schema["format"] = parameter.format
    if parameter.repeated:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path" or (parameter.required and samples >= FEW),
        "schema": schema | _data_class(parameter.data),
    }


def _response(bodies: Sequence[BodySeen]) -> dict[str, Any]:
    written: dict[str, Any] = {"description": "Seen in traffic."}
    content = _content([body for body in bodies if body.media_type])
    return written | ({"content": content} if content else {})


def _content(bodies: Sequence[BodySeen]) -> dict[str, Any]:
    return {str(body.media_type): {"schema": _schema(body)} if body.fields else {} for body in bodies}


def _schema(body: BodySeen) -> dict[str, Any]:
    root = _Tree()
    for seen in body.fields:
        _place(root, seen)
    is_text = not (str(body.media_type) == "application/json" or str(body.media_type).endswith("+json"))
    return _written(root, body.samples, is_text=is_text)


def _place(root: _Tree, seen: FieldSeen) -> None:
    """Put a field where it belongs: `customer.email`, `items[].sku`, `{}` for names that are data, `$` for the body."""
    tree = root
    for step in seen.field.split(".") if seen.field != "$" else []:
        name = step.rstrip("[]") if step.endswith("[]") else step
        lists = (len(step) - len(name)) // 2
        if name in ("{}", ""):
            if name:
                tree.others = tree.others or _Tree()
                tree = tree.others
        elif name != "$":
            tree = tree.properties.setdefault(name, _Tree())
        for _ in range(lists):
            tree.items = tree.items or _Tree()
            tree = tree.items
    tree.seen = seen


def _written(tree: _Tree, samples: int, *, is_text: bool) -> dict[str, Any]:
    seen = tree.seen
    kinds = {kind for kind in seen.types if kind in _TYPES} if seen else set()
    is_file = seen is not None and "file" in seen.types
    if tree.properties or tree.others:
        kinds.add("object")
    if tree.items:
        kinds.add("array")
    if "number" in kinds:
        kinds.discard("integer")
    schema: dict[str, Any] = {}
    if is_file:
        return {"type": "string", "format": "binary"}
    if seen is not None and is_text and kinds == {"string"} and seen.format in ("integer", "number", "boolean"):
        kinds = {seen.format}
    ordered = [kind for kind in _TYPES if kind in kinds]
    if ordered:
        schema["type"] = ordered[0] if len(ordered) == 1 else ordered
    if seen is not None and "string" in kinds and seen.format not in (None, "integer", "number", "boolean"):
        schema["format"] = seen.format
    if tree.properties:
        schema["properties"] = {
            name: _written(below, samples, is_text=is_text) for name, below in tree.properties.items()
        }
        required = [
            name for name, below in tree.properties.items() if below.seen and below.seen.required and samples >= FEW
        ]
        if required:
            schema["required"] = required
    if tree.others:
        schema["additionalProperties"] = _written(tree.others, samples, is_text=is_text)
    if tree.items:
        schema["items"] = _written(tree.items, samples, is_text=is_text)
    return schema | _data_class(seen.data if seen else ())


def _data_class(data: Sequence[DataSeen]) -> dict[str, Any]:
    found = sorted({one.data_class for one in data if one.confidence >= CERTAIN and one.data_class in _CLASSES})
    if not found:
        return {}
    return {"x-data-class": found[0] if len(found) == 1 else found}
