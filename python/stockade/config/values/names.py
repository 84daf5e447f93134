"""Names, methods, hosts and paths."""

import re
from typing import Annotated

from pydantic import AfterValidator

from stockade.config.values.refuse import refuse

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?")
# RFC 9110 5.6.2: token.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HOST = re.compile(r"\*|(?:\*\.)?(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|\[[0-9a-f:.]{2,45}\]")
# RFC 3986 3.3: pchar without escapes, and `/`.
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")
_GLOB = re.compile(r"/[^\x00-\x20\x7f?#\\]*")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        refuse("expected a name of 1 to 64 letters, digits, `-`, `_` and `.`")
    return text


def _method(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        refuse("expected an HTTP method such as `GET`")
    return text.upper()


def _field_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        refuse("expected the name of a header field")
    return text.lower()


def _host(text: str) -> str:
    text = text.lower()
    if not _HOST.fullmatch(text):
        refuse("expected a host name, `*.suffix` or `*`", "leave scheme, port and path out")
    return text


def _base_path(text: str) -> str:
    if text == "/":
        return text
    text = text.rstrip("/")
    if not _PATH.fullmatch(text) or "//" in text or any(part in (".", "..") for part in text.split("/")):
        refuse("expected a path such as `/` or `/v1`", "begin with `/`; no `//`, no dot segments, no query")
    return text


def _glob(text: str) -> str:
    lone = all(segment == "**" or "**" not in segment for segment in text.split("/"))
    if not _GLOB.fullmatch(text) or "//" in text or not lone:
        hint = "begin with `/`; `*` stands for anything within a segment, `**` alone between two `/` for any segments"
        refuse("expected a path such as `/admin/**`", hint)
    return text


Name = Annotated[str, AfterValidator(_name)]
"""A name that stands in events and on screen."""

Method = Annotated[str, AfterValidator(_method)]
"""An HTTP method, made upper case."""

FieldName = Annotated[str, AfterValidator(_field_name)]
"""The name of a header field, made lower case."""

HostPattern = Annotated[str, AfterValidator(_host)]
"""A host name, `*.suffix` or `*`, made lower case."""

BasePath = Annotated[str, AfterValidator(_base_path)]
"""A path that all operations of an API begin with, without a trailing `/`."""

PathGlob = Annotated[str, AfterValidator(_glob)]
"""A pattern of paths: `*` within a segment, `**` over segments."""
