"""Which format a file has, and which parts of it can be read apart from each other."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.core.errors import StockadeError
from stockade.prevent.inventory.logs import lines, objects
from stockade.prevent.inventory.logs.entry import Entry, Parser

PARSERS: Mapping[str, Parser] = {
    "combined": lines.combined,
    "json": objects.json_line,
    "alb": lines.alb,
    "envoy": lines.envoy,
    "haproxy": lines.haproxy,
}
"""Formats with one request a line."""

LOOKED_AT = 200
"""Lines at the beginning that tell the format."""

LINE_BYTES = 64 * 1024
"""Longest line that is read."""

DOCUMENT_BYTES = 256 * 1024**2
"""Largest HAR or Postman document."""

PART_BYTES = 8 * 1024**2
"""Bytes of one part."""

_DOCUMENT = re.compile(rb'\{\s*"(?:log|info|item)"\s*:\s*[\[{]')


@dataclass(frozen=True, slots=True)
class Part:
    """A run of whole lines of a file."""

    file: Path
    """Which file."""
    format: str
    """One of `PARSERS`, or `document`."""
    start: int = 0
    """First byte; the line that it stands in belongs to the part before."""
    end: int | None = None
    """Byte behind the last; the line that begins before it is read whole. None for all."""


def parts_of(file: Path) -> list[Part]:
    """The parts of a file.

    Raises:
        StockadeError: it cannot be read, or has no format that is known.
    """
    try:
        with _open(file) as opened:
            head = opened.read(LINE_BYTES * 4)
        size = file.stat().st_size
    except (OSError, EOFError) as error:
        raise StockadeError("learn.unreadable", f"cannot read `{file}`: {error}", None) from error
    if _is_document(head):
        return [Part(file, "document")]
    name = _format_of(head)
    if name is None:
        raise StockadeError(
            "learn.format",
            f"no known format in the first lines of `{file}`",
            "expected an access log of nginx, Apache, Envoy, HAProxy, Caddy, AWS ALB or API Gateway, JSON lines,"
            " HAR, or a Postman collection",
        )
    if _is_gzip(file):
        return [Part(file, name)]
    return [Part(file, name, start, min(start + PART_BYTES, size)) for start in range(0, max(size, 1), PART_BYTES)]


def read(part: Part) -> Iterator[tuple[str, Entry | None]]:
    """The lines of a part with what each tells; None for one that cannot be read.

    Raises:
        StockadeError: a document cannot be read.
        OSError: the file cannot be read.
    """
    if part.format == "document":
        for number, entry in enumerate(_document(part.file), 1):
            yield f"entry {number}", entry
        return
    parse = PARSERS[part.format]
    for line in _lines(part):
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text and not text.startswith("#"):
            yield text, parse(text)


def _lines(part: Part) -> Iterator[bytes]:
    with _open(part.file) as opened:
        if part.start:
            opened.seek(part.start - 1)
            _skip_line(opened)
        while part.end is None or opened.tell() < part.end:
            line = opened.readline(LINE_BYTES)
            if not line:
                return
            if not line.endswith(b"\n") and len(line) == LINE_BYTES:
                # No request is that long: the rest of the line is passed over, and it counts as unreadable.
                _skip_line(opened)
            yield line


def _skip_line(opened: Any) -> None:
    while (piece := opened.readline(LINE_BYTES)) and not piece.endswith(b"\n"):
        pass


def _document(file: Path) -> Iterator[Entry | None]:
    with _open(file) as opened:
        content = opened.read(DOCUMENT_BYTES + 1)
    if len(content) > DOCUMENT_BYTES:
        raise StockadeError("learn.too_large", f"expected at most {DOCUMENT_BYTES:,} bytes in `{file}`", "split it")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise StockadeError("learn.unreadable", f"cannot read `{file}` as JSON: {error}", None) from error
    return objects.har(value) if "log" in value else objects.postman(value)


def _is_document(head: bytes) -> bool:
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if not start.startswith(b"{"):
        return False
    try:
        json.loads(start.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return True
    # A whole object on the first line: a document written without line breaks, or the first of many lines.
    return _DOCUMENT.match(start) is not None


def _format_of(head: bytes) -> str | None:
    sample = [text for line in head.split(b"\n")[:LOOKED_AT] if (text := line.decode("utf-8", "replace").strip())]
    hits = {name: sum(parse(text) is not None for text in sample) for name, parse in PARSERS.items()}
    best = max(hits, key=lambda name: hits[name])
    return best if hits[best] else None


def _is_gzip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(2) == b"\x1f\x8b"


def _open(file: Path) -> Any:
    return gzip.open(file, "rb") if _is_gzip(file) else file.open("rb")
