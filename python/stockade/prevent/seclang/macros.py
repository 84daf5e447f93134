"""Macros in texts: `%{tx.score}` becomes a reference, everything else stays text."""

import re
from typing import Any

from stockade.prevent.seclang.problem import Place
from stockade.prevent.seclang.variables import collection_named

MACRO = re.compile(r"%\{([A-Za-z][^}]*)\}")

Part = str | dict[str, Any]
"""Text, or `{"collection": ..., "key": ...}`."""


def parse(text: str, place: Place) -> list[Part]:
    """Cut a text into what is written and what is filled in.

    Raises:
        SecLangError: a macro names a variable that does not exist.
    """
    parts: list[Part] = []
    end = 0
    for found in MACRO.finditer(text):
        if found.start() > end:
            parts.append(text[end : found.start()])
        name, separator, key = found.group(1).partition(".")
        if not separator:
            name, _, key = found.group(1).partition(":")
        parts.append({"collection": collection_named(name, place), "key": key.lower() or None})
        end = found.end()
    if end < len(text):
        parts.append(text[end:])
    return parts


def has_macro(text: str) -> bool:
    """Whether something in it is filled in."""
    return MACRO.search(text) is not None
