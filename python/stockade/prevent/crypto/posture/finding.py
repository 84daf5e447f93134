"""One weakness in how traffic is encrypted."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stockade.model.problem import Problem


class Weight(StrEnum):
    """How much a weakness matters."""

    HIGH = "high"
    """Traffic can be read or changed, or will not be served."""
    MEDIUM = "medium"
    """It will become high, or lacks a protection that is usual."""
    UNDECIDED = "undecided"
    """It could not be found out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One weakness, its place, and how to mend it."""

    code: str
    """Stable code, such as `upstream.plain`."""
    weight: Weight
    """How much it matters."""
    problem: Problem
    """Where it is, what it is, and what to do."""

    def to_json(self) -> dict[str, Any]:
        """The finding as a JSON object."""
        problem = self.problem
        return {
            "code": self.code,
            "weight": self.weight.value,
            "setting": problem.setting,
            "file": problem.file,
            "line": problem.line,
            "problem": problem.message,
            "hint": problem.hint,
        }
