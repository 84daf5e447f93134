"""Dates and times."""

from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import BeforeValidator

from stockade.config.values.refuse import refuse


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if len(value) == 10:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        moment = datetime.fromisoformat(value)
    except ValueError:
        refuse("expected a date or a time", "write `2027-01-01` (begins at 00:00 UTC) or `2027-01-01T12:00:00Z`")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]
"""A date (00:00 UTC) or a time; UTC when no offset is given."""
