"""Durations such as `250ms`, `10s`, `1m30s`."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from stockade.config.values.refuse import refuse

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"([0-9]{1,12})(ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:[0-9]{1,12}(?:ms|s|m|h|d)){1,5}")
_HINT = "write a number and a unit, such as `250ms`, `10s`, `5m`, `1h` or `1d`"


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time in whole milliseconds, zero or more."""

    ms: int
    """Milliseconds."""

    @classmethod
    def parse(cls, value: object) -> "Duration":
        """Read a duration from its text; `0` needs no unit.

        Raises:
            PydanticCustomError: it is something else.
        """
        if isinstance(value, Duration):
            return value
        if value == 0 and not isinstance(value, bool):
            return cls(0)
        if not isinstance(value, str) or not _WHOLE.fullmatch(value.strip()):
            refuse("expected a duration", _HINT)
        return cls(sum(int(number) * _UNITS_MS[unit] for number, unit in _PART.findall(value)))

    def __str__(self) -> str:
        """The shortest text that `parse` reads back: one unit, such as `90s`."""
        if self.ms == 0:
            return "0s"
        unit = next(unit for unit in reversed(_UNITS_MS) if self.ms % _UNITS_MS[unit] == 0)
        return f"{self.ms // _UNITS_MS[unit]}{unit}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Parse from text, write as text."""
        written = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string in the JSON Schema."""
        return {"type": "string", "pattern": r"^([0-9]+(ms|s|m|h|d))+$"}
