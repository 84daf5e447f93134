"""What a named query is, and what may be given to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass

TEXT_LENGTH = 1000
"""Longest text that a parameter may have."""

ROWS_MOST = 10_000
"""Most rows that a query may be asked for."""


class Kind(StrEnum):
    """What a parameter takes."""

    TIME = "time"
    """Microseconds since the epoch."""
    NUMBER = "number"
    """A whole number."""
    TEXT = "text"
    """Text."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query."""

    name: str
    """Name."""
    kind: Kind
    """What it takes."""
    about: str
    """What it does, in one line."""
    default: int | str | None = None
    """Value when none is given; None means that nothing is asked of it."""
    required: bool = False
    """Whether it must be given."""
    choices: tuple[str, ...] = ()
    """The only values of a text; any when empty."""
    least: int = 0
    """Smallest number."""
    most: int = 1 << 62
    """Largest number."""

    def read(self, value: Any) -> int | str | None:
        """A value as the query takes it.

        Raises:
            StockadeError: it is none of this kind.
        """
        if value is None:
            if self.required:
                raise self._wrong("a value", "none")
            return self.default
        if self.kind is Kind.TEXT:
            text = str(value)
            if self.choices and text not in self.choices:
                raise self._wrong(f"one of {', '.join(self.choices)}", f"`{text[:40]}`")
            if len(text) > TEXT_LENGTH or "\0" in text:
                raise self._wrong(f"at most {TEXT_LENGTH} letters without NUL", f"{len(text)}")
            return text
        try:
            number = int(str(value))
        except ValueError:
            raise self._wrong("a whole number", f"`{str(value)[:40]}`") from None
        if not self.least <= number <= self.most:
            raise self._wrong(f"a number from {self.least} to {self.most}", str(number))
        return number

    def _wrong(self, expected: str, got: str) -> StockadeError:
        return StockadeError("query.parameter", f"expected {expected} as `{self.name}`, got {got}", None)


SINCE = Parameter("since", Kind.TIME, "Oldest time, included.")
UNTIL = Parameter("until", Kind.TIME, "Newest time, excluded.")
API = Parameter("api", Kind.TEXT, "API, by its name in config.")


def limit(default: int) -> Parameter:
    """How many rows."""
    return Parameter("limit", Kind.NUMBER, "Rows at most.", default, least=1, most=ROWS_MOST)


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One question."""

    name: str
    """Name, such as `top_actors`."""
    title: str
    """What it answers, in one line."""
    parameters: tuple[Parameter, ...]
    """What may be given."""
    build: Callable[[Mapping[str, Any]], sa.SelectBase]
    """The statement for values that were read."""
    reads: tuple[DataClass, ...] = (DataClass.FACTS,)
    """Which tables it reads."""
    newest_first: bool = False
    """Whether rows come newest first with a `limit`, so that old files need not be read when new ones have enough."""

    def values(self, given: Mapping[str, Any]) -> dict[str, int | str | None]:
        """What was given, read and made whole.

        Raises:
            StockadeError: a parameter is unknown, missing or wrong.
        """
        known = [parameter.name for parameter in self.parameters]
        for name in given:
            if name not in known:
                raise StockadeError(
                    "query.parameter", f"expected some of {', '.join(known)} for `{self.name}`, got `{name[:40]}`", None
                )
        return {parameter.name: parameter.read(given.get(parameter.name)) for parameter in self.parameters}


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of a query."""

    columns: tuple[str, ...]
    """Names."""
    rows: Sequence[tuple[Any, ...]]
    """Values in the order of the columns."""

    def dicts(self) -> list[dict[str, Any]]:
        """Rows as mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def within(table: sa.Table, values: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    """Conditions for `since`, `until` and `api`, as far as they are given."""
    conditions: list[sa.ColumnElement[bool]] = []
    if values.get("since") is not None:
        conditions.append(table.c.time >= values["since"])
    if values.get("until") is not None:
        conditions.append(table.c.time < values["until"])
    if values.get("api") is not None:
        conditions.append(table.c.api == values["api"])
    return conditions


def counted(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """How many rows fit a condition; both engines give a 64-bit number."""
    return sa.func.count(sa.case((condition, 1)))
