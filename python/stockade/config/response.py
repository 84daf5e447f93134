"""The `response` section of an API: checks on what the upstream answers."""

from typing import Annotated

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import FieldName, Size, Within


class Response(Section):
    """Checks on responses."""

    leaks: bool = True
    """Whether text and JSON bodies are searched for leaks: stack traces, SQL errors, keys, files of the system, source
    code, personal data in bulk."""
    refuse: bool = True
    """Whether a response that leaks is withheld (502), or only recorded."""
    body: Annotated[Size, Within("0B", "64MiB")] = Size(256 * 1024)
    """Bytes of a body that are held for it."""
    stream: Annotated[Size, Within("0B", "1GiB")] = Size(4 * 1024 * 1024)
    """Bytes of a longer body or a stream that are searched as they pass. An answer that leaks is cut off there; `0B`
    searches none of it."""
    remove_headers: Annotated[tuple[FieldName, ...], Field(max_length=100, strict=False)] = ("server", "x-powered-by")
    """Header fields taken out of every response."""
