"""The `contract` of an API: what is checked against its spec."""

from typing import Annotated, Literal

from pydantic import Field

from stockade.config.graphql import Graphql
from stockade.config.grpc import Grpc
from stockade.config.protect import Class
from stockade.config.section import Section
from stockade.config.unknown import Unknown
from stockade.config.values import ConfigPath


class Contract(Section):
    """Checks against the spec."""

    unknown_operations: Unknown | None = None
    """Requests for operations that are not in the spec (404, or 405 for a known path).
    Default: `refuse` when a spec is given."""
    unknown_parameters: Unknown | None = None
    """Query parameters that are not in the spec (400). Default: `refuse` when a spec is given."""
    unknown_fields: Unknown = "pass"
    """Fields of a request's body that the spec does not declare (400). By the letter of JSON Schema they are allowed
    unless the spec says `additionalProperties: false`."""
    responses: Literal["report", "refuse", "ignore"] = "report"
    """Responses with a status, media type, shape or field that the spec does not declare: `report` records each kind of
    difference once an hour, `refuse` withholds the response (502). Longer bodies than `response.body` are not looked
    into; with `refuse` they are withheld."""
    response_classes: Annotated[tuple[Class, ...], Field(max_length=10, strict=False)] = Field(
        default=(), examples=[["card", "iban"]]
    )
    """Classes of data that responses must not hold, but where the spec says so with `x-data-class: card` (or
    `format: email`)."""
    graphql: Graphql | None = None
    """GraphQL, where the API serves it."""
    grpc: Grpc | None = None
    """gRPC, where the API serves it."""
    read_only: Unknown = "refuse"
    """Fields in a request that the spec marks `readOnly` (400): a client that sets them tries what it may not."""
    formats: Literal["check", "ignore"] = "check"
    """Whether `format` is asserted, or says nothing as in plain JSON Schema."""
    copies: Annotated[dict[str, ConfigPath], Field(max_length=100)] = Field(
        default={}, examples=[{"https://schemas.example/": "schemas"}]
    )
    """Local copies of documents that the spec refers to by URL. A URL that ends in `/` stands for all below it, in a
    folder. Nothing is ever fetched."""
    json_depth: Annotated[int, Field(ge=1, le=512)] = 64
    """Deepest nesting of a JSON body."""
    json_values: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    """Values in a JSON body."""
