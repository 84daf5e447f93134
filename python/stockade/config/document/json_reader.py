"""JSON (RFC 8259) with lines: no duplicate keys, no NaN, no trailing text, bounded depth and size."""

import re
from bisect import bisect_right
from json.decoder import (  # type: ignore[attr-defined]  # typeshed leaves `scanstring` out
    JSONDecodeError,
    scanstring,
)
from typing import NoReturn

from stockade.config.document.node import DocumentError, Limits, Node, Scalar
from stockade.model.problem import Problem

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,400})(\.[0-9]{1,400})?([eE][-+]?[0-9]{1,4})?")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}


def read(text: str, shown_as: str, limits: Limits) -> Node:
    """Read a JSON text.

    Raises:
        DocumentError: it is not JSON, repeats a key, or exceeds a cap.
    """
    return _Reader(text, shown_as, limits).document()


class _Reader:
    def __init__(self, text: str, shown_as: str, limits: Limits) -> None:
        self._text = text
        self._shown_as = shown_as
        self._limits = limits
        self._nodes = 0
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def document(self) -> Node:
        node, end = self._value(self._skip(0), 0, None)
        end = self._skip(end)
        if end != len(self._text):
            self._fail(end, "expected the end of the document")
        return node

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at)

    def _fail(self, at: int, expected: str) -> NoReturn:
        got = self._text[at : at + 20].split("\n")[0] or "the end of the document"
        raise DocumentError(Problem("", expected, got, self._shown_as, self._line(at)))

    def _value(self, at: int, depth: int, line: int | None) -> tuple[Node, int]:
        self._nodes += 1
        if self._nodes > self._limits.nodes:
            self._fail(at, f"expected at most {self._limits.nodes} values in the document")
        line = line or self._line(at)
        first = self._text[at : at + 1]
        if first in ("{", "["):
            if depth >= self._limits.depth:
                self._fail(at, f"expected nesting of at most {self._limits.depth} levels")
            return self._object(at + 1, depth, line) if first == "{" else self._array(at + 1, depth, line)
        if first == '"':
            text, end = self._string(at)
            return Node(text, line), end
        for word, value in _WORDS.items():
            if self._text.startswith(word, at):
                return Node(value, line), at + len(word)
        match = _NUMBER.match(self._text, at)
        if not match:
            self._fail(at, "expected a JSON value")
        is_float = match[1] or match[2]
        number: int | float = float(match[0]) if is_float else int(match[0])
        if number in (float("inf"), float("-inf")):
            self._fail(at, "expected a number that a 64-bit float can hold")
        return Node(number, line), match.end()

    def _string(self, at: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self._text, at + 1, True)
        except JSONDecodeError as error:
            self._fail(at, f"expected a JSON string ({error.msg.lower()})")
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self._fail(at, "expected a string without lone surrogates")
        return text, end

    def _object(self, at: int, depth: int, line: int) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        at = self._skip(at)
        if self._text[at : at + 1] == "}":
            return Node(entries, line), at + 1
        while True:
            if self._text[at : at + 1] != '"':
                self._fail(at, "expected a key in double quotes")
            key, end = self._string(at)
            if key in entries:
                self._fail(at, f"expected each key once; `{key[:60]}` comes again")
            key_line = self._line(at)
            at = self._skip(end)
            if self._text[at : at + 1] != ":":
                self._fail(at, "expected `:` after the key")
            entries[key], at = self._value(self._skip(at + 1), depth + 1, key_line)
            at = self._skip(at)
            end_mark = self._text[at : at + 1]
            at = self._skip(at + 1) if end_mark == "," else at
            if end_mark == "}":
                return Node(entries, line), at + 1
            if end_mark != ",":
                self._fail(at, "expected `,` or `}`")

    def _array(self, at: int, depth: int, line: int) -> tuple[Node, int]:
        items: list[Node] = []
        at = self._skip(at)
        if self._text[at : at + 1] == "]":
            return Node(items, line), at + 1
        while True:
            item, at = self._value(at, depth + 1, None)
            items.append(item)
            at = self._skip(at)
            end_mark = self._text[at : at + 1]
            at = self._skip(at + 1) if end_mark == "," else at
            if end_mark == "]":
                return Node(items, line), at + 1
            if end_mark != ",":
                self._fail(at, "expected `,` or `]`")
