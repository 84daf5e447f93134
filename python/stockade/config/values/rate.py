"""Rates such as `100/s`, `3/30s`, `10MiB/m`."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from stockade.config.values.duration import Duration
from stockade.config.values.refuse import refuse
from stockade.config.values.size import Size

_WHOLE = re.compile(r"([0-9]{1,9})( ?[A-Za-z]+)? ?/ ?([0-9]*)(ms|s|m|h|d)")
_HINT = "write an amount and a period, such as `100/s`, `10/m`, `3/30s`, or `10MiB/s` for bytes"
_LONGEST_MS = 30 * 86_400_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many units in each period."""

    amount: int
    """Units, 1 or more; bytes when it was written as a size."""
    period: Duration
    """Period, 1 ms to 30 days."""
    of_bytes: bool = False
    """Whether the amount was written as a size."""

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
            period = Duration.parse(f"{match[3] or 1}{match[4]}")
            amount = Size.parse(f"{match[1]}{match[2]}").bytes if match[2] else int(match[1])
        except PydanticCustomError:
            refuse("expected a rate", _HINT)
        if amount < 1 or not 1 <= period.ms <= _LONGEST_MS:
            refuse("expected a rate of 1 or more in 1ms to 30d", _HINT)
        return cls(amount, period, match[2] is not None)

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        period = str(self.period)
        amount = str(Size(self.amount)) if self.of_bytes else str(self.amount)
        return f"{amount}/{period.removeprefix('1') if period[:1] == '1' and period[1:2].isalpha() else period}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Parse from text, write as text."""
        written = core_schema.to_string_ser_schema()
        return core_schema.no_info_plain_validator_function(cls.parse, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """A string in the JSON Schema."""
        return {"type": "string", "pattern": r"^[0-9]+( ?[A-Za-z]+)? ?/ ?[0-9]*(ms|s|m|h|d)$"}
