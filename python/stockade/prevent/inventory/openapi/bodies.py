"""Bodies of OpenAPI operations: what a request may hold, and what each response."""

import re

from stockade.prevent.inventory.openapi import parts
from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.keywords import Direction
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.openapi.schemas import Schemas
from stockade.prevent.inventory.operation import Body, DeclaredResponse, Media

_MEDIA_TYPE = re.compile(r"(?:\*/\*|[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+))")
_STATUS = re.compile(r"[1-5](?:[0-9]{2}|XX)|default")


def read_body(documents: Documents, operation: Place, schemas: Schemas) -> Body | None:
    """The request body of an operation; None when it has none."""
    found = operation.below("requestBody")
    place = documents.follow(found) if found else None
    if place is None:
        return None
    content = place.below("content")
    if content is None or not content.mapping():
        documents.problem(place, "expected `content` with one media type or more")
        return None
    return Body(place.flag("required"), _media(documents, content, schemas, "request"))


def read_responses(documents: Documents, operation: Place, schemas: Schemas) -> tuple[DeclaredResponse, ...]:
    """The responses of an operation."""
    responses = operation.below("responses")
    found: list[DeclaredResponse] = []
    for status, item in responses.mapping() if responses else []:
        if status.startswith("x-"):
            continue
        if not _STATUS.fullmatch(status):
            documents.problem(item, "expected a status: `200`, `2XX` or `default`", status)
            continue
        place = documents.follow(item)
        content = place.below("content") if place else None
        if place is not None:
            media = _media(documents, content, schemas, "response") if content else ()
            found.append(DeclaredResponse(status, media))
    return tuple(found)


def _media(documents: Documents, content: Place, schemas: Schemas, direction: Direction) -> tuple[Media, ...]:
    media: list[Media] = []
    for name, below in content.mapping():
        media_type = name.split(";")[0].strip().lower()
        if not _MEDIA_TYPE.fullmatch(media_type):
            documents.problem(below, "expected a media type such as `application/json`", name)
            continue
        if any(other.media_type == media_type for other in media):
            continue
        schema = below.below("schema")
        if schema is None:
            media.append(Media(media_type, None))
        elif media_type.startswith("multipart/"):
            media.append(Media(media_type, *parts.read(documents, below, schema, schemas)))
        else:
            media.append(Media(media_type, schemas.convert(schema, direction)))
    return tuple(sorted(media, key=lambda one: one.media_type.count("*")))
