"""What may not be changed from afar: whoever may edit the policy must not get at the machine with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from stockade.core.errors import StockadeError

OWNERS_SECTIONS = ("admin", "data", "acme", "version")
"""Sections that say who may do what, and where things are."""

_FILE_REFERENCE = re.compile(r"\$\{file:[^}]*\}")


def refuse_what_is_the_owners(before: Any, after: Any) -> None:
    """Refuse a change that only the machine's owner may make, in the file itself.

    Args:
        before: the config as plain data.
        after: the same, as it is to be.

    Raises:
        StockadeError: `policy.owner` with what it is.
    """
    if not isinstance(after, Mapping):
        return
    old = before if isinstance(before, Mapping) else {}
    for section in OWNERS_SECTIONS:
        if old.get(section) != after.get(section):
            raise _owners(f"`{section}`")
    known = set(_reaching(old))
    for found in _reaching(after):
        if found not in known:
            raise _owners(found)


def _reaching(value: Any, key: str = "") -> Iterator[str]:
    """Everything that runs a program or reads a file elsewhere, as texts to compare."""
    if isinstance(value, Mapping):
        for reference in ("command", "file"):
            if reference in value and set(value) <= {reference, "timeout"}:
                yield f"the reference `{reference}: {json.dumps(value[reference])}`"
        for name, below in value.items():
            yield from _reaching(below, str(name))
    elif isinstance(value, list):
        for below in value:
            yield from _reaching(below, key)
    elif isinstance(value, str):
        for reference in _FILE_REFERENCE.findall(value):
            yield f"the reference `{reference}`"
        names_file = key == "spec" or (key.endswith(("file", "files", "path")) and key != "base_path")
        path = PurePosixPath(value)
        if names_file and (path.is_absolute() or ".." in path.parts or value.startswith("~")) and key != "path":
            yield f"the file `{value}`"


def _owners(what: str) -> StockadeError:
    hint = "change it in the config file on the machine; it is taken within a second"
    return StockadeError("policy.owner", f"expected no change of {what} from here", hint)
