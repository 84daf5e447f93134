"""Parts of `multipart` forms: which are files, of which types, how large (OpenAPI 3.1, 4.8.14.4; 3.0.3, 4.7.14.5)."""

from typing import Any

from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.openapi.schemas import Schemas
from stockade.prevent.inventory.operation import Part, Schema


def read(documents: Documents, media: Place, schema: Place, schemas: Schemas) -> tuple[Schema, tuple[Part, ...]]:
    """Schema and parts of a form.

    What the schema says of the length of a file is about its bytes, so it is taken out there and said of the part.

    Args:
        documents: follows references and collects problems.
        media: the media type object, with its `encoding`.
        schema: its schema.
        schemas: converts schemas.
    """
    form = documents.follow(schema) or schema
    converted = schemas.convert(form)
    properties, encoding = form.below("properties"), media.below("encoding")
    found: list[Part] = []
    for name, place in properties.mapping() if properties else []:
        known = encoding.below(name) if encoding else None
        types = tuple(one.strip().lower() for one in (known.text("contentType") or "").split(",")) if known else ()
        types = tuple(one for one in types if one)
        value = documents.follow(place) or place
        items = value.below("items") if value.text("type") == "array" else None
        value = (documents.follow(items) or items) if items is not None else value
        if _is_binary(value):
            types = types or tuple(filter(None, [value.text("contentMediaType")]))
            found.append(Part(name, types, _number(value, "minLength") or 0, _number(value, "maxLength")))
            if isinstance(converted, dict):
                converted = _without_bytes(converted, name, is_list=items is not None)
        elif types:
            found.append(Part(name, types, 0, None))
    return converted, tuple(found)


def _is_binary(place: Place) -> bool:
    value = place.node.value
    if not isinstance(value, dict):
        return value is True
    if place.text("format") == "binary":
        return True
    is_encoded = place.text("contentEncoding") is not None
    return not is_encoded and (place.text("contentMediaType") is not None or not value)


def _number(place: Place, keyword: str) -> int | None:
    node = place.node.child(keyword)
    value = node.value if node is not None else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _without_bytes(form: dict[str, Any], name: str, *, is_list: bool) -> dict[str, Any]:
    properties = dict(form["properties"])
    schema = properties[name]
    if is_list and isinstance(schema, dict) and "$ref" not in schema:
        properties[name] = {**schema, "items": True}
    else:
        properties[name] = {"type": "array"} if is_list else True
    return {**form, "properties": properties}
