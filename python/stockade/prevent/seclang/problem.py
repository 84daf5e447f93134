"""What is wrong in a SecLang file, with its place."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stockade.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands."""

    file: str
    """File as the user named it, or as an include found it."""
    line: int
    """Line, from 1."""

    def __str__(self) -> str:
        """`file:line`."""
        return f"{self.file}:{self.line}"


class SecLangError(Exception):
    """One or more problems; nothing was loaded.

    Args:
        problems: in the order they were found.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def refused(place: Place, what: str, expected: str, got: str | None = None, hint: str | None = None) -> SecLangError:
    """An error with one problem.

    Args:
        place: where.
        what: the directive, variable, operator or action, such as `SecRule`.
        expected: what would have been right.
        got: what came.
        hint: what to do.
    """
    shown = None if got is None else got[:80]
    return SecLangError([Problem(what, expected, shown, place.file, place.line, hint)])


def close_to(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known word; None when none is near."""
    lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.7)
    return f"did you mean `{lower[found[0]]}`?" if found else None
