"""Request bodies of OpenAPI operations."""

import re

from stockade.prevent.inventory.openapi.documents import Documents, Place
from stockade.prevent.inventory.openapi.schemas import bundle
from stockade.prevent.inventory.operation import Body, Media

_MEDIA_TYPE = re.compile(r"(?:\*/\*|[a-z0-9!#$&^_.+-]+/(?:\*|[a-z0-9!#$&^_.+-]+))")


def read_body(documents: Documents, operation: Place, *, is_3_0: bool) -> Body | None:
    """The request body of an operation; None when it has none."""
    found = operation.below("requestBody")
    place = documents.follow(found) if found else None
    if place is None:
        return None
    content = place.below("content")
    if content is None or not content.mapping():
        documents.problem(place, "expected `content` with one media type or more")
        return None
    media: list[Media] = []
    for name, below in content.mapping():
        media_type = name.split(";")[0].strip().lower()
        if not _MEDIA_TYPE.fullmatch(media_type):
            documents.problem(below, "expected a media type such as `application/json`", name)
            continue
        schema = below.below("schema")
        converted = bundle(documents, schema, is_3_0=is_3_0) if schema is not None else None
        if all(other.media_type != media_type for other in media):
            media.append(Media(media_type, converted))
    media.sort(key=lambda one: one.media_type.count("*"))
    return Body(place.flag("required"), tuple(media))
