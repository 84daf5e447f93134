"""The errors that front ends answer for."""

from __future__ import annotations

from collections.abc import Sequence

from stockade.core.errors import StockadeError
from stockade.model.problem import Problem

__all__ = ["ConfigProblemsError", "StockadeError"]


class ConfigProblemsError(StockadeError):
    """The config is wrong; nothing was started or changed.

    Args:
        problems: all of them, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0] if problems else None
        super().__init__("config.invalid", str(first))
        self.problems = tuple(problems)
