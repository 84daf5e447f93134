"""What is wrong with a GraphQL file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stockade.model.problem import Problem

if TYPE_CHECKING:
    from graphql import GraphQLError

MOST_BYTES = 16 * 1024 * 1024
"""Largest file."""


class GraphqlError(Exception):
    """A file that cannot be used; `problems` say where and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def wrong(file: Path, expected: str, got: str | None = None, line: int | None = None) -> GraphqlError:
    """An error about a file."""
    return GraphqlError([Problem("", expected, got, str(file), line)])


def from_library(file: Path, error: "GraphQLError") -> GraphqlError:
    """What the parser says, at its line."""
    line = error.locations[0].line if error.locations else None
    return wrong(file, f"expected GraphQL ({error.message.rstrip('.')})", None, line)


def read_text(file: Path) -> str:
    """The text of a file.

    Raises:
        GraphqlError: it cannot be read, is too large, or is not UTF-8.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise wrong(file, "expected a file that can be read", error.strerror) from error
    if len(data) > MOST_BYTES:
        raise wrong(file, f"expected a file of at most {MOST_BYTES} bytes", "a larger one")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise wrong(file, "expected UTF-8 text") from error
