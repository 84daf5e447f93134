"""The `contract` of an API: what is checked against its spec."""

from typing import Annotated, Literal

from pydantic import Field

from stockade.config.section import Section

Unknown = Literal["refuse", "pass"]
"""What is done with something that the spec does not name."""


class Contract(Section):
    """Checks against the spec."""

    unknown_operations: Unknown | None = None
    """Requests for operations that are not in the spec (404, or 405 for a known path).
    Default: `refuse` when a spec is given."""
    unknown_parameters: Unknown | None = None
    """Query parameters that are not in the spec (400). Default: `refuse` when a spec is given."""
    json_depth: Annotated[int, Field(ge=1, le=512)] = 64
    """Deepest nesting of a JSON body."""
    json_values: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    """Values in a JSON body."""
