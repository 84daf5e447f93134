"""Reads request bodies: size first, then form, then only the fields that were asked for."""

import json
from collections.abc import Callable, Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from starlette.requests import ClientDisconnect, Request

from stockade.sample.pictures import LARGEST
from stockade.sample.problems import ShopError

Check = Callable[[Any], bool]

_LARGEST_JSON = 256 * 1024
_LARGEST_ID = 2**31 - 1


def text(least: int, most: int) -> Check:
    """A text of so many characters."""
    return lambda value: isinstance(value, str) and least <= len(value) <= most


def number(least: int, most: int) -> Check:
    """A whole number in a range."""
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def path_id(request: Request, name: str) -> int:
    """An id in the path.

    Raises:
        ShopError: 404 when it is larger than any id.
    """
    value = int(request.path_params[name])
    if value > _LARGEST_ID:
        raise ShopError(404, "no such thing")
    return value


async def content(request: Request, most: int) -> bytes:
    """The body.

    Raises:
        ShopError: 413 when it is larger than `most` bytes.
    """
    found = bytearray()
    try:
        async for chunk in request.stream():
            found += chunk
            if len(found) > most:
                raise ShopError(413, f"expected at most {most} bytes")
    except ClientDisconnect as error:
        raise ShopError(400, "the body ended early") from error
    return bytes(found)


async def fields(
    request: Request,
    required: Mapping[str, Check],
    optional: Mapping[str, Check] | None = None,
    *,
    takes_all: bool = False,
) -> dict[str, Any]:
    """The fields of a JSON object.

    Args:
        request: the request.
        required: fields that must be there, with what they must be.
        optional: fields that may be there.
        takes_all: whether other fields are taken as they are (the flaw `mass_assignment`).

    Raises:
        ShopError: 400, 413, 415 or 422.
    """
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise ShopError(415, "expected application/json")
    try:
        value = json.loads(await content(request, _LARGEST_JSON))
    except (ValueError, RecursionError) as error:
        raise ShopError(400, "expected JSON") from error
    if not isinstance(value, dict):
        raise ShopError(422, "expected an object")
    known = {**required, **(optional or {})}
    for name in required:
        if name not in value:
            raise ShopError(422, f"expected `{name}`")
    for name, item in value.items():
        if name in known:
            if not known[name](item):
                raise ShopError(422, f"`{name}` is not as expected")
        elif not takes_all:
            raise ShopError(422, f"`{name}` is not expected")
    return value


async def uploaded_file(request: Request) -> tuple[bytes, str]:
    """The part `file` of a multipart form, and its media type (RFC 7578).

    Raises:
        ShopError: 400, 413 or 415.
    """
    media_type = request.headers.get("content-type", "")
    if not media_type.lower().startswith("multipart/form-data"):
        raise ShopError(415, "expected multipart/form-data")
    body = await content(request, LARGEST + 8192)
    message = BytesParser(policy=HTTP).parsebytes(b"content-type: " + media_type.encode("latin-1") + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise ShopError(400, "expected a multipart body")
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "file":
            payload = part.get_payload(decode=True)
            return payload if isinstance(payload, bytes) else b"", part.get_content_type()
    raise ShopError(400, "expected a part `file`")
