"""A range that a duration or a size must lie in."""

from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from stockade.config.values.duration import Duration
from stockade.config.values.refuse import refuse
from stockade.config.values.size import Size


@dataclass(frozen=True, slots=True)
class Within:
    """Marks a `Duration` or `Size` with its least and greatest value, written as in config."""

    least: str
    """Least value accepted."""
    most: str
    """Greatest value accepted."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Check the range after the type."""
        kind = Size if source is Size else Duration
        least, most = kind.parse(self.least), kind.parse(self.most)
        word = "size" if kind is Size else "duration"

        def check(value: Any) -> Any:
            if not least <= value <= most:
                refuse(f"expected a {word} of {self.least} to {self.most}")
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))
