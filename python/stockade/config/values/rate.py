"""Rates such as `100/s`, `10/m`, `3/30s`."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from stockade.config.values.duration import Duration
from stockade.config.values.refuse import refuse

_WHOLE = re.compile(r"([0-9]{1,9}) ?/ ?([0-9]*)(ms|s|m|h|d)")
_HINT = "write requests and a period, such as `100/s`, `10/m`, `5/h` or `3/30s`"
_LONGEST_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests in each period."""

    requests: int
    """Requests, 1 or more."""
    period: Duration
    """Period, 1 ms to 30 days."""

    @classmethod
    def parse(cls, value: object) -> "Rate":
        """Read a rate from its text.

        Raises:
            PydanticCustomError: it is something else.
        """
        if isinstance(value, Rate):
            return value
        match = _WHOLE.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            refuse("expected a rate", _HINT)
        try:
            period = Duration.parse(f"{match[2] or 1}{match[3]}")
        except PydanticCustomError:
            refuse("expected a rate", _HINT)
        requests = int(match[1])
        if requests < 1 or not 1 <= period.ms <= _LONGEST_MS:
            refuse("expected a rate of 1 request or more in 1ms to 30d", _HINT)
        return cls(requests, period)

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        period = str(self.period)
        return f"{self.requests}/{period.removeprefix('1') if period[:1] == '1' and period[1:2].isalpha() else period}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Parse from text, write as text."""
        written = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string in the JSON Schema."""
        return {"type": "string", "pattern": r"^[0-9]+ ?/ ?[0-9]*(ms|s|m|h|d)$"}
