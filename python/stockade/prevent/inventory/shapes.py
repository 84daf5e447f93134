"""The shape of a body as one text, as the columns `request_fields` and `response_fields` of facts hold it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stockade.core import bodies
from stockade.store.archive.columns import FIELD_MEMBERS
from stockade.store.archive.rows import parts_of


def shape_of(content_type: str | None, content_encoding: str | None, body: bytes) -> str | None:
    """The shape of a whole body; None when it has no fields.

    Args:
        content_type: the `Content-Type` field.
        content_encoding: the `Content-Encoding` field.
        body: the bytes as they were sent.
    """
    return shape_text(bodies.body_fields(content_type, content_encoding, body)) if body else None


def shape_text(fields: Iterable[Mapping[str, str]]) -> str | None:
    """Fields as one text; None when there are none."""
    return parts_of(":".join(field.get(name, "") for name in FIELD_MEMBERS) for field in fields)
