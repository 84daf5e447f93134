"""Parameters of OpenAPI operations: those of the path item and of the operation, merged."""

import re

from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.openapi.schemas import Schemas
from stockade.prevent.inventory.operation import Parameter, Schema

_STYLES = {
    "path": ("simple", "matrix", "label"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
# OpenAPI 3.1, 4.8.12.1: these are described elsewhere and ignored as parameters.
_IGNORED_HEADERS = {"accept", "content-type", "authorization"}
_TEMPLATE = re.compile(r"\{([^{}]*)\}")


def merged(documents: Documents, path_item: Place, operation: Place, path: str, schemas: Schemas) -> list[Parameter]:
    """The parameters of an operation; its own come before those of the path item.

    Args:
        documents: follows references and collects problems.
        path_item: the path item.
        operation: the operation in it.
        path: the path template.
        schemas: converts schemas.
    """
    found: dict[tuple[str, str], Parameter] = {}
    for owner in (operation, path_item):
        own: set[tuple[str, str]] = set()
        listed = owner.below("parameters")
        for item in listed.items() if listed else []:
            parameter = _read(documents, item, path, schemas)
            if parameter is None:
                continue
            key = (parameter.place, parameter.name)
            if key in own:
                documents.problem(item, "expected each parameter once", f"{parameter.name} in {parameter.place}")
            own.add(key)
            found.setdefault(key, parameter)
    for name in _TEMPLATE.findall(path):
        if ("path", name) not in found:
            documents.warning(operation, f"the path has `{{{name}}}` but no parameter describes it")
            found["path", name] = Parameter(name, "path", True, "simple", False, {"type": "string"})
    return list(found.values())


def _read(documents: Documents, item: Place, path: str, schemas: Schemas) -> Parameter | None:
    place = documents.follow(item)
    if place is None:
        return None
    name, where = place.text("name"), place.text("in")
    if not name or where not in _STYLES:
        expected = "expected a parameter with `name` and `in` (path, query, header or cookie)"
        documents.problem(place, expected, where)
        return None
    if where == "header":
        name = name.lower()
        if name in _IGNORED_HEADERS:
            return None
    if where == "path" and f"{{{name}}}" not in path:
        documents.warning(place, f"path parameter `{name}` does not stand in the path `{path}`")
        return None
    style = place.text("style") or _STYLES[where][0]
    if style not in _STYLES[where]:
        documents.problem(place, f"expected a style of {', '.join(_STYLES[where])} in {where}", style)
        return None
    explode = place.flag("explode", style == "form")
    schema = place.below("schema")
    converted = schemas.convert(schema) if schema is not None else True
    content = place.below("content")
    if content is not None:
        style, converted = _content(documents, content, style, schemas)
    if place.flag("allowEmptyValue"):
        converted = {"anyOf": [converted, {"const": ""}]}
    return Parameter(
        name=name,
        place=where,
        required=where == "path" or place.flag("required"),
        style=style,
        explode=explode,
        schema=converted,
    )


def _content(documents: Documents, content: Place, style: str, schemas: Schemas) -> tuple[str, Schema]:
    """Style and schema of a parameter whose value is a text in a media type; only JSON is looked into."""
    if len(content.mapping()) != 1:
        documents.problem(content, "expected `content` with exactly one media type")
        return style, True
    ((media_type, media),) = content.mapping()
    media_type = media_type.split(";")[0].strip().lower()
    schema = media.below("schema")
    if schema is None or not (media_type == "application/json" or media_type.endswith("+json")):
        return style, True
    return "json", schemas.convert(schema)
