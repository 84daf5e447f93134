"""The form of one segment of a path: a word of the API, or a value with a form of its own such as a UUID."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

FORMS = ("integer", "uuid", "date", "hex", "token", "email", "word")
"""What a segment may look like; `word` is what may be part of the API itself, or a slug."""

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?")
_HEX = re.compile(r"(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}")
_NUMBERED = re.compile(r"[A-Za-z]{1,6}[-_]?\d{3,}|\d+[-_][\w-]*\d")
_EMAIL = re.compile(r"[^@/\s]{1,64}@[^@/\s]+\.[^@/\s]+")
_TOKEN = re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{16,}")
_PREFIXED = re.compile(r"[a-z]{2,6}_(?=\w*\d)\w{6,}")


@lru_cache(maxsize=65_536)
def form_of(segment: str) -> str:
    """The form of a segment, one of `FORMS`."""
    if segment.isascii() and segment.isdecimal():
        return "integer"
    if _UUID.fullmatch(segment):
        return "uuid"
    if _DATE.fullmatch(segment):
        return "date"
    if _HEX.fullmatch(segment):
        return "hex"
    if "@" in segment and _EMAIL.fullmatch(segment):
        return "email"
    if _PREFIXED.fullmatch(segment) or _NUMBERED.fullmatch(segment) or _mixed(segment):
        return "token"
    return "word"


def _mixed(segment: str) -> bool:
    # Letters and digits through each other, as nobody writes words: `01H8XGJWBWBAQ1`, not `how-to-cook-in-10-minutes`.
    if not _TOKEN.fullmatch(segment):
        return False
    changes = sum(a.isdigit() != b.isdigit() for a, b in pairwise(segment))
    return changes >= 4
