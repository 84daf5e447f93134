"""Puts an exception into the text of a config file, and leaves every other letter of it as it is."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from stockade.config.document import DocumentError, Node, read_text
from stockade.core.errors import StockadeError


def with_exception(text: str, api: str, exception: Mapping[str, str]) -> str:
    """The text with one more exception of the stage `inspect`.

    Args:
        text: the config file.
        api: API, by its name in config.
        exception: as in `apis.NAME.inspect.exceptions`.

    Raises:
        StockadeError: there is no such API, or the text is written so that a person has to put it in.
    """
    try:
        root = read_text(text, "the config")
    except DocumentError as error:
        raise StockadeError("policy.form", str(error.problem), None) from error
    node = _child(_child(root, "apis"), api)
    if node is None or not isinstance(node.value, dict):
        raise StockadeError("policy.api", f"expected an API of the config, got `{api[:80]}`", None)
    # JSON is YAML, and needs no guess at quoting.
    item = "- " + json.dumps(dict(exception), ensure_ascii=False)
    lines = text.splitlines(keepends=True)
    at, added = _place(lines, node, item)
    changed = "".join([*lines[:at], *added, *lines[at:]])
    if not _is_as_meant(root, changed, api, exception):
        hint = f"put this under `apis.{api}.inspect.exceptions`: {item}"
        raise StockadeError("policy.form", "expected a config in block style to put an exception into", hint)
    return changed


def _place(lines: list[str], api: Node, item: str) -> tuple[int, list[str]]:
    inspect = _child(api, "inspect")
    exceptions = _child(inspect, "exceptions")
    if exceptions is not None and isinstance(exceptions.value, list) and exceptions.value:
        at = exceptions.value[0].line - 1
        return at, [f"{_indent(lines[at])}{item}\n"]
    if inspect is not None and isinstance(inspect.value, dict) and inspect.value:
        indent = _indent(lines[next(iter(inspect.value.values())).line - 1])
        return inspect.line, [f"{indent}exceptions:\n", f"{indent}  {item}\n"]
    children = api.value if isinstance(api.value, dict) else {}
    first = next(iter(children.values()), None)
    indent = _indent(lines[first.line - 1]) if first is not None else "    "
    return api.line, [f"{indent}inspect:\n", f"{indent}  exceptions:\n", f"{indent}    {item}\n"]


def _is_as_meant(root: Node, changed: str, api: str, exception: Mapping[str, str]) -> bool:
    wanted: Any = copy.deepcopy(root.plain())
    section = wanted["apis"][api].setdefault("inspect", {})
    if not isinstance(section, dict) or not isinstance(section.get("exceptions", []), list):
        return False
    section["exceptions"] = [dict(exception), *section.get("exceptions", [])]
    try:
        return bool(read_text(changed, "the config").plain() == wanted)
    except DocumentError:
        return False


def _child(node: Node | None, step: str) -> Node | None:
    return node.value.get(step) if node is not None and isinstance(node.value, dict) else None


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]
