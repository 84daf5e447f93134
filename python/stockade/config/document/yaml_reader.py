"""YAML with lines: the core schema of YAML 1.2, no tags, no merge keys, no duplicate keys, bounded everywhere.

Built on PyYAML's event stream, so that nothing recurses in the parser and nothing is constructed but plain data.
`yes`, `no`, `on`, `off`, dates and `1:30` stay strings (YAML 1.2 section 10.3), so a country code stays a country code.
"""

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from stockade.config.document.node import DocumentError, Limits, Node, Scalar
from stockade.model.problem import Problem

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, Scalar] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_LONGEST_NUMBER = 400
_STRING_TAG = "tag:yaml.org,2002:str"


def read(text: str, shown_as: str, limits: Limits) -> Node:
    """Read a YAML text of one document.

    Raises:
        DocumentError: it is not YAML, uses something that is not supported, or exceeds a cap.
    """
    reader = _Reader(shown_as, limits)
    try:
        return reader.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        problem = (error.problem or "not well-formed").strip()
        hint = "check indentation, quotes and colons on this line and the one before"
        raise DocumentError(Problem("", f"expected YAML ({problem})", None, shown_as, line, hint)) from error
    except yaml.YAMLError as error:
        # A character that YAML does not allow: the reader knows its position, not its line.
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        expected = "expected YAML (a character that may not stand in a text)"
        raise DocumentError(Problem("", expected, None, shown_as, line)) from error


class _Reader:
    def __init__(self, shown_as: str, limits: Limits) -> None:
        self._shown_as = shown_as
        self._limits = limits
        self._nodes = 0
        self._anchors: dict[str, tuple[Node, int]] = {}

    def document(self, events: "Iterator[Any]") -> Node:
        root: Node | None = None
        for event in events:
            match event:
                case yaml.StreamStartEvent() | yaml.StreamEndEvent() | yaml.DocumentEndEvent():
                    continue
                case yaml.DocumentStartEvent():
                    if root is not None:
                        self._fail(event, "expected one document in the file", "a second one after `---`")
                case _:
                    root = self._node(event, events, 0, None)
        return root or Node(None, 1)

    def _fail(self, event: Any, expected: str, got: str | None = None, hint: str | None = None) -> NoReturn:
        raise DocumentError(Problem("", expected, got, self._shown_as, _line(event), hint))

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > self._limits.nodes:
            expected = f"expected at most {self._limits.nodes} values in the document, aliases expanded"
            self._fail(event, expected, "more")

    def _node(self, event: Any, events: Iterator[Any], depth: int, line: int | None) -> Node:
        line = line or _line(event)
        if isinstance(event, yaml.AliasEvent):
            known = self._anchors.get(event.anchor or "")
            if known is None:
                self._fail(event, "expected an alias of an anchor that stands before it", f"*{event.anchor}")
            self._count(event, known[1])
            return Node(known[0].value, line)
        before = self._nodes
        self._count(event, 1)
        if event.tag not in (None, "!", _STRING_TAG):
            self._fail(event, "expected a value without a tag", event.tag, "take the tag out; quote what is text")
        if not isinstance(event, yaml.ScalarEvent) and depth >= self._limits.depth:
            self._fail(event, f"expected nesting of at most {self._limits.depth} levels", "more")
        match event:
            case yaml.ScalarEvent():
                node = Node(self._scalar(event), line)
            case yaml.SequenceStartEvent():
                node = Node(self._sequence(events, depth), line)
            case _:
                node = Node(self._mapping(events, depth), line)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _sequence(self, events: Iterator[Any], depth: int) -> list[Node]:
        items: list[Node] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, depth + 1, None))
        return items

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                self._fail(event, "expected a plain word as a key")
            key = event.value
            if key == "<<" and event.implicit[0]:
                hint = "repeat the settings, or give the whole mapping an anchor and use it with `*`"
                self._fail(event, "expected a setting", "<< (merge keys are not part of YAML 1.2)", hint)
            if key in entries:
                self._fail(event, "expected each key once", key, "remove one of the two")
            entries[key] = self._node(next(events), events, depth + 1, _line(event))
        return entries

    def _scalar(self, event: Any) -> Scalar:
        text: str = event.value
        if event.tag == _STRING_TAG or not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self._fail(event, "expected a finite number", text)
        if len(text) > _LONGEST_NUMBER:
            return text
        if _INTEGER.fullmatch(text):
            return int(text)
        if _OCTAL.fullmatch(text):
            return int(text[2:], 8)
        if _HEXADECIMAL.fullmatch(text):
            return int(text, 16)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self._fail(event, "expected a number that a 64-bit float can hold", text)
            return number
        return text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
