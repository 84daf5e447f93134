"""From the text of a file to directives: continued lines joined, quotes resolved, comments dropped.

Before it: `reader`, which finds the files. After it: `directives` and `rules`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from stockade.prevent.seclang.problem import Place, refused

MOST_LINE_BYTES = 1024 * 1024
"""Longest directive, continued lines included."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive with its arguments."""

    name: str
    """As written, such as `SecRule`."""
    arguments: tuple[str, ...]
    """Arguments without their quotes."""
    place: Place
    """Its first line."""


def directives(text: str, file: str) -> Iterator[Directive]:
    """Cut a file into directives.

    Args:
        text: content of the file.
        file: its name, for messages.

    Raises:
        SecLangError: a quote is not closed, a directive is too long.
    """
    for line, number in _logical_lines(text):
        place = Place(file, number)
        if len(line) > MOST_LINE_BYTES:
            raise refused(place, "", f"expected at most {MOST_LINE_BYTES} characters in a directive", str(len(line)))
        words = list(_words(line, place))
        yield Directive(words[0], tuple(words[1:]), place)


def _logical_lines(text: str) -> Iterator[tuple[str, int]]:
    parts: list[str] = []
    start = 0
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip("\r")
        if not parts:
            stripped = line.strip()
            if not stripped or stripped.startswith("#"):
                continue
            start = number
        if line.endswith("\\"):
            parts.append(line[:-1].lstrip() if parts else line[:-1])
            continue
        parts.append(line.lstrip() if parts else line)
        joined = "".join(parts).strip()
        parts = []
        if joined:
            yield joined, start
    joined = "".join(parts).strip()
    if joined:
        yield joined, start


def _words(line: str, place: Place) -> Iterator[str]:
    """Words as Apache reads them: in double or single quotes, where a backslash escapes the quote, or bare."""
    at = 0
    while at < len(line):
        character = line[at]
        if character in " \t":
            at += 1
        elif character in "\"'":
            word, at = _quoted(line, at, character, place)
            yield word
        else:
            end = at
            while end < len(line) and line[end] not in " \t":
                end += 1
            yield line[at:end]
            at = end


def _quoted(line: str, start: int, quote: str, place: Place) -> tuple[str, int]:
    out: list[str] = []
    at = start + 1
    while at < len(line):
        character = line[at]
        if character == "\\" and at + 1 < len(line) and line[at + 1] == quote:
            out.append(quote)
            at += 2
        elif character == quote:
            return "".join(out), at + 1
        else:
            out.append(character)
            at += 1
    raise refused(place, "", f"expected a closing `{quote}`", line[start : start + 60])
