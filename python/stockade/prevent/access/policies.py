"""Finds the policies in Cedar files: each with its file and line, for whoever has to mend or to understand it."""

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem

MOST_FILE_BYTES = 4 * 1024 * 1024
"""Largest file that is read."""
MOST_POLICIES = 10_000
"""Policies of one API."""

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|;')
_BEFORE = re.compile(r"(?:\s|//[^\n]*(?:\n|$))*")


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy as it is written."""

    file: str
    """File, as short as it can be said."""
    line: int
    """Line where it begins, from 1."""
    text: str
    """Its text, annotations included."""

    def to_plan(self) -> dict[str, Any]:
        """As in `PolicyPlan`."""
        return {"file": self.file, "line": self.line, "text": self.text}


class PolicyError(Exception):
    """Policies cannot be read.

    Args:
        file: file or pattern.
        expected: what would have been right.
    """

    def __init__(self, file: str, expected: str) -> None:
        super().__init__(f"{file}: {expected}")
        self.problems = (Problem("access.policies", expected, file=file),)


def read(patterns: Sequence[str]) -> tuple[list[Policy], list[Path]]:
    """The policies of all files that fit, and these files.

    Args:
        patterns: absolute names or globs; the files of a glob are read by name.

    Raises:
        PolicyError: no file fits, one cannot be read, or there are too many policies.
    """
    policies: list[Policy] = []
    files: list[Path] = []
    for pattern in patterns:
        found = sorted(glob.glob(pattern))  # noqa: PTH207 - absolute patterns
        if not found:
            raise PolicyError(pattern, "expected a file with policies, found none")
        for name in found:
            path = Path(name)
            policies.extend(split(_text(path), _shown(path)))
            files.append(path)
    if len(policies) > MOST_POLICIES:
        raise PolicyError(patterns[0], f"expected at most {MOST_POLICIES} policies, got {len(policies)}")
    return policies, files


def split(text: str, file: str) -> list[Policy]:
    """The policies of a text: each ends with a `;` that stands in no string and no comment.

    Args:
        text: what the file holds.
        file: its name, for problems.
    """
    found: list[Policy] = []
    start, line, counted = 0, 1, 0
    ends = [match.end() for match in _TOKEN.finditer(text) if match[0] == ";"]
    for end in [*ends, len(text)]:
        before = _BEFORE.match(text, start)
        begins = min(before.end() if before else start, end)
        line += text.count("\n", counted, begins)
        counted = begins
        if text[begins:end].strip():
            found.append(Policy(file, line, text[begins:end]))
        start = end
    return found


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            raise PolicyError(str(path), f"expected at most {MOST_FILE_BYTES} bytes")
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise PolicyError(str(path), f"expected a readable text file: {error}") from error


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
