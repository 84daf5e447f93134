"""What traffic shows of an API: operations with their parameters, bodies and data, without a single value.

Typed, so that a contract can be written from it and compared with another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["request", "response"]
"""Which message a field stands in."""


@dataclass(frozen=True, slots=True)
class DataSeen:
    """One class of personal or secret data in a field or parameter."""

    data_class: str
    """Class, one of `sensitive.CLASSES`."""
    confidence: float
    """0.0 to 1.0: how certain the form is, times the share of samples that had it; less when only the name says so."""
    by: Literal["value", "name"]
    """Whether values were recognised, or the name alone says so."""


@dataclass(frozen=True, slots=True)
class FieldSeen:
    """One field of a body."""

    field: str
    """Where it stands: `customer.email`, `items[].sku`. `{}` stands for names that are data, `$` for the body."""
    types: tuple[str, ...]
    """Types seen, most frequent first: `string`, `integer`, `number`, `boolean`, `null`, `object`, `array`, `file`."""
    format: str | None
    """Form that all of its texts had: `uuid`, `date`, `date-time`, `uri`, `email`, `integer`, `number`, `boolean`."""
    count: int
    """Samples that had it."""
    required: bool
    """Whether every sample had it whose enclosing object was there."""
    data: tuple[DataSeen, ...] = ()
    """Personal or secret data in it."""


@dataclass(frozen=True, slots=True)
class BodySeen:
    """The bodies of one side of an operation, of one status when it is a response."""

    side: Side
    """Which message."""
    status: int | None
    """Status; None for a request."""
    media_type: str | None
    """Media type; None when none was sent."""
    samples: int
    """Bodies whose fields were told; 0 when there were bodies but none of them has fields that are known."""
    fields: tuple[FieldSeen, ...]
    """Fields, in the order of their places."""


@dataclass(frozen=True, slots=True)
class ParameterSeen:
    """One parameter in the path or in the query."""

    name: str
    """Name."""
    place: Literal["path", "query"]
    """Where it stands."""
    type: str
    """`string`, `integer`, `number` or `boolean`, by its values."""
    format: str | None
    """`uuid`, `date`, `date-time`, `uri` or `email`, when all values were that."""
    count: int
    """Requests that had it."""
    required: bool
    """Whether every request had it."""
    repeated: bool = False
    """Whether a request had it more than once."""
    data: tuple[DataSeen, ...] = ()
    """Personal or secret data in it."""


@dataclass(frozen=True, slots=True)
class OperationSeen:
    """One operation as traffic shows it."""

    api: str
    """API, by its name in config."""
    method: str
    """Method in upper case."""
    path: str
    """Template with the base path, such as `/v1/orders/{order_id}`."""
    operation: str | None
    """Operation id of the contract; None when it is not declared."""
    samples: int
    """Requests that parameters were learned from: the newest ones."""
    parameters: tuple[ParameterSeen, ...]
    """Parameters of path and query."""
    bodies: tuple[BodySeen, ...]
    """Bodies of requests and responses."""
    statuses: tuple[int, ...]
    """Statuses of the samples, smallest first."""

    def body(self, side: Side, status: int | None = None) -> BodySeen | None:
        """The body of one side with the most samples.

        Args:
            side: which message.
            status: of the response; any when None.
        """
        found = [one for one in self.bodies if one.side == side and (status is None or one.status == status)]
        return max(found, key=lambda one: one.samples, default=None)
