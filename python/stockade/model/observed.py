"""What was seen of an API in its traffic: operations, parameters and bodies, without any of their values.

The inventory from traffic builds it, the OpenAPI writer turns it into a proposed contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
"""JSON types, in the order in which they are written."""


@dataclass(frozen=True, slots=True)
class ObservedShape:
    """The form that the values at one place had."""

    types: frozenset[str] = frozenset()
    """JSON types that were seen, of `TYPES`; empty when nothing is known."""
    format: str | None = None
    """Format that every string had, such as `uuid` or `date-time`."""
    choices: tuple[str, ...] = ()
    """The only texts that were seen, when they are few and none of them can be personal; empty otherwise."""
    minimum: float | None = None
    """Smallest number seen."""
    maximum: float | None = None
    """Largest number seen."""
    longest: int | None = None
    """Length of the longest string seen."""
    items: ObservedShape | None = None
    """Form of the items of lists."""
    properties: Mapping[str, ObservedField] = field(default_factory=dict)
    """Properties of objects, by name."""


@dataclass(frozen=True, slots=True)
class ObservedField:
    """One property of objects that were seen."""

    shape: ObservedShape
    """Form of its values."""
    always: bool = False
    """Whether it stood in every object."""


@dataclass(frozen=True, slots=True)
class ObservedParameter:
    """One parameter of an operation."""

    name: str
    """Name; headers in lower case."""
    place: str
    """`path`, `query`, `header` or `cookie`."""
    shape: ObservedShape = ObservedShape()
    """Form of its values."""
    always: bool = False
    """Whether every accepted request had it."""
    repeated: bool = False
    """Whether some request had it more than once."""


@dataclass(frozen=True, slots=True)
class ObservedBody:
    """Bodies of one media type."""

    media_type: str
    """`type/subtype` in lower case."""
    shape: ObservedShape | None = None
    """Form of its values; None when bodies were not looked into."""


@dataclass(frozen=True, slots=True)
class ObservedResponse:
    """Responses with one status."""

    status: int
    """Status code."""
    bodies: tuple[ObservedBody, ...] = ()
    """Media types; none when there was no content."""


@dataclass(frozen=True, slots=True)
class ObservedOperation:
    """One method on one path template."""

    method: str
    """Method in upper case."""
    path: str
    """Template below the base path, such as `/orders/{order_id}`; the names are those of the path parameters."""
    count: int
    """Exchanges that it was seen in."""
    parameters: tuple[ObservedParameter, ...] = ()
    """Path, query, header and cookie parameters."""
    bodies: tuple[ObservedBody, ...] = ()
    """Media types of request bodies."""
    body_always: bool = False
    """Whether every request had a body."""
    responses: tuple[ObservedResponse, ...] = ()
    """Statuses that came back."""
    identified: bool = False
    """Whether every accepted caller had proven who it is."""


@dataclass(frozen=True, slots=True)
class ObservedApi:
    """An API as its traffic shows it."""

    title: str
    """Name of the API in config."""
    base_path: str
    """Path that all its operations begin with; `/` for none."""
    operations: tuple[ObservedOperation, ...]
    """Operations, by path and method."""
