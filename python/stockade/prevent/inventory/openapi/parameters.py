"""Parameters of OpenAPI operations: those of the path item and of the operation, merged."""

import re

from stockade.prevent.inventory.openapi.documents import Documents, Place
from stockade.prevent.inventory.openapi.schemas import bundle
from stockade.prevent.inventory.operation import Parameter

_STYLES = {
    "path": ("simple", "matrix", "label"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}
# OpenAPI 3.1, 4.8.12.1: these are described elsewhere and ignored as parameters.
_IGNORED_HEADERS = {"accept", "content-type", "authorization"}
_TEMPLATE = re.compile(r"\{([^{}]*)\}")


def merged(documents: Documents, path_item: Place, operation: Place, path: str, *, is_3_0: bool) -> list[Parameter]:
    """The parameters of an operation; its own come before those of the path item.

    Args:
        documents: follows references and collects problems.
        path_item: the path item.
        operation: the operation in it.
        path: the path template.
        is_3_0: whether schemas are written in the dialect of OpenAPI 3.0.
    """
    found: dict[tuple[str, str], Parameter] = {}
    for owner in (operation, path_item):
        own: set[tuple[str, str]] = set()
        listed = owner.below("parameters")
        for item in listed.items() if listed else []:
            parameter = _read(documents, item, path, is_3_0=is_3_0)
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


def _read(documents: Documents, item: Place, path: str, *, is_3_0: bool) -> Parameter | None:
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
    schema = place.below("schema")
    # A value in a media type of its own (`content`) or one that may be empty is not described by a schema alone.
    described = schema is not None and not place.flag("allowEmptyValue")
    return Parameter(
        name=name,
        place=where,
        required=where == "path" or place.flag("required"),
        style=style,
        explode=place.flag("explode", style == "form"),
        schema=bundle(documents, schema, is_3_0=is_3_0) if schema is not None and described else True,
    )
