"""Adds an item to a list of a config file, and leaves every other character of the file as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*|[1-9][0-9]*")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}


class EditError(Exception):
    """The item cannot be added without changing something else."""


def with_item(text: str, steps: Sequence[str], item: Mapping[str, Any]) -> str:
    """The text of a config file with one item more in a list.

    Args:
        text: YAML or JSON.
        steps: keys from the top to the list, such as `apis`, `shop`, `inspect`, `exceptions`. What is missing of them
            is added; the first two must exist.
        item: the item, of plain values.

    Raises:
        EditError: the text is written in a way in which that cannot be done, or would change more.
    """
    root = yaml.compose(text, Loader=_LOADER)
    node, missing = _find(root, steps)
    if len(steps) - len(missing) < 2:
        raise EditError(f"expected `{'.'.join(steps[:2])}` in the file")
    edited = _in_flow(text, node, missing, item) if node.flow_style else _in_block(text, node, missing, item)
    if _read(edited) != _expected(_read(text), steps, item):
        raise EditError("what would be written says more than that")
    return edited


def _find(root: Any, steps: Sequence[str]) -> tuple[Any, list[str]]:
    """The deepest node on the way that exists and is not empty, and the steps that are missing."""
    node = root
    for count, step in enumerate(steps):
        below = next((value for key, value in node.value if key.value == step), None) if _is(node, dict) else None
        if below is None or isinstance(below, yaml.ScalarNode):
            if below is not None:
                raise EditError(f"expected `{'.'.join(steps[: count + 1])}` to be written out")
            return node, list(steps[count:])
        node = below
    return node, []


def _is(node: Any, kind: type) -> bool:
    return isinstance(node, yaml.MappingNode if kind is dict else yaml.SequenceNode)


def _in_flow(text: str, node: Any, missing: Sequence[str], item: Mapping[str, Any]) -> str:
    """Before the closing bracket; JSON, which is YAML too."""
    value = json.dumps(item, ensure_ascii=False)
    for count, step in enumerate(reversed(missing)):
        value = f"[{value}]" if count == 0 else f"{{{value}}}"
        value = f"{json.dumps(step)}: {value}"
    end = node.end_mark.index - 1
    before = text[:end].rstrip()
    comma = "" if not node.value else ("" if before.endswith(",") else ",")
    space = " " if node.value else ""
    return f"{before}{comma}{space}{value}{text[end:]}"


def _in_block(text: str, node: Any, missing: Sequence[str], item: Mapping[str, Any]) -> str:
    """On lines of its own behind the last entry."""
    lines: list[str] = []
    indent = node.start_mark.column
    for step in missing:
        lines.append(f"{' ' * indent}{step}:")
        indent += 2
    for number, (key, value) in enumerate(item.items()):
        lines.append(f"{' ' * indent}{'  ' if number else '- '}{key}: {_scalar(value)}")
    end = _last_leaf(node).end_mark.index
    newline = text.find("\n", end)
    if newline < 0:
        return text + "\n" + "\n".join(lines) + "\n"
    # A block scalar ends at the beginning of the next line.
    at = end if end and text[end - 1] == "\n" else newline + 1
    return text[:at] + "\n".join(lines) + "\n" + text[at:]


def _last_leaf(node: Any) -> Any:
    while not isinstance(node, yaml.ScalarNode) and node.value and not node.flow_style:
        node = node.value[-1][1] if _is(node, dict) else node.value[-1]
    return node


def _scalar(value: Any) -> str:
    text = str(value)
    if isinstance(value, str) and (not _PLAIN.fullmatch(text) or text.lower() in _WORDS or text.isdigit()):
        return json.dumps(text, ensure_ascii=False)
    return text


def _read(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_BASE)  # noqa: S506 - texts and collections alone
    except yaml.YAMLError as error:
        raise EditError(f"what would be written is no YAML: {error}") from error


_BASE: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def _expected(document: Any, steps: Sequence[str], item: Mapping[str, Any]) -> Any:
    # What an alias names twice is two things here, so that a change of both is seen.
    whole = json.loads(json.dumps(document))
    node = whole
    for step in steps[:-1]:
        node = node.setdefault(step, {})
    node.setdefault(steps[-1], []).append({key: str(value) for key, value in item.items()})
    return whole
