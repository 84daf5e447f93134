"""The one way in which a value says that it is wrong: what was expected, and a hint."""

from typing import NoReturn

from pydantic_core import PydanticCustomError

CODE = "stockade"
"""Type of the errors raised here; the loader takes their text as it is and adds what it got."""


def refuse(expected: str, hint: str | None = None) -> NoReturn:
    """Say that a value is not what was expected.

    Args:
        expected: begins with `expected`, lower case, without a full stop.
        hint: what to do, one sentence.

    Raises:
        PydanticCustomError: always.
    """
    raise PydanticCustomError(CODE, "{expected}", {"expected": expected, "hint": hint})
