"""Sizes such as `8KiB`, `1MiB`, `1GiB`."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from stockade.config.values.refuse import refuse

_UNITS = {
    "B": 1,
    "KB": 1000,
    "KiB": 1024,
    "MB": 1000**2,
    "MiB": 1024**2,
    "GB": 1000**3,
    "GiB": 1024**3,
    "TB": 1000**4,
    "TiB": 1024**4,
}
_WHOLE = re.compile(r"([0-9]{1,15}) ?([A-Za-z]+)")
_BY_FOLDED = {unit.lower(): unit for unit in _UNITS}
_HINT = "write a number and a unit, such as `512B`, `8KiB`, `10MiB` or `1GiB`"


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A number of bytes, zero or more."""

    bytes: int
    """Bytes."""

    @classmethod
    def parse(cls, value: object) -> "Size":
        """Read a size from its text; `0` needs no unit, and units may be in any case.

        Raises:
            PydanticCustomError: it is something else.
        """
        if isinstance(value, Size):
            return value
        if value == 0 and not isinstance(value, bool):
            return cls(0)
        match = _WHOLE.fullmatch(value.strip()) if isinstance(value, str) else None
        unit = _BY_FOLDED.get(match[2].lower()) if match else None
        if match is None or unit is None:
            refuse("expected a size", _HINT)
        return cls(int(match[1]) * _UNITS[unit])

    def __str__(self) -> str:
        """The shortest text that `parse` reads back, in binary units."""
        for unit in ("TiB", "GiB", "MiB", "KiB"):
            if self.bytes and self.bytes % _UNITS[unit] == 0:
                return f"{self.bytes // _UNITS[unit]}{unit}"
        return f"{self.bytes}B"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Parse from text, write as text."""
        written = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string in the JSON Schema."""
        return {"type": "string", "pattern": r"^[0-9]+ ?([kKmMgGtT][iI]?)?[bB]$"}
