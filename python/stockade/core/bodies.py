"""What bodies and texts hold, as the gateway sees it: fields without values, and classes of data."""

from __future__ import annotations

import json

from stockade.core import _native


def data_classes(text: str) -> list[str]:
    """The classes of personal or secret data in a text, such as `card`, each once."""
    return _native.data_classes(text.encode("utf-8", "replace").decode())


def body_fields(content_type: str | None, content_encoding: str | None, body: bytes) -> list[dict[str, str]]:
    """The fields of a whole body, as `request.fields` of an event has them; none when it has no structure.

    Args:
        content_type: the `Content-Type` field.
        content_encoding: the `Content-Encoding` field.
        body: the bytes as they were sent.
    """
    found: list[dict[str, str]] = json.loads(_native.body_fields(content_type, content_encoding, body))
    return found
