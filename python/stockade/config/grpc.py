"""The `contract.grpc` of an API: which methods may be called, and what their messages may hold."""

from typing import Annotated

from pydantic import Field, StringConstraints

from stockade.config.section import Section
from stockade.config.unknown import Unknown
from stockade.config.values import ConfigPath, Size, Within

Methods = Annotated[
    str, StringConstraints(max_length=500, pattern=r"^(\*|[A-Za-z_][A-Za-z0-9_.]*/(\*|[A-Za-z_][A-Za-z0-9_]*))$")
]
"""A method as `shop.v1.Orders/Get`, all of a service as `shop.v1.Orders/*`, or all with `*`."""


class Grpc(Section):
    """gRPC."""

    descriptors: ConfigPath = Field(examples=["shop.binpb"])
    """The services as a descriptor set: `protoc --include_imports --descriptor_set_out=shop.binpb shop.proto`, or
    `buf build -o shop.binpb`."""
    methods: Annotated[tuple[Methods, ...], Field(min_length=1, max_length=10_000, strict=False)] = Field(
        default=("*",), examples=[["shop.v1.Orders/Get", "shop.v1.Catalogue/*"]]
    )
    """Methods that may be called; all others, and services that the set does not have, are refused (404)."""
    message: Annotated[Size, Within("1B", "64MiB")] = Size(4 * 1024 * 1024)
    """Largest message of a method that takes one; such messages are looked into, streams of them are not. Longer bodies
    than `inspect.body` are refused first."""
    depth: Annotated[int, Field(ge=1, le=100)] = 32
    """Most messages within each other."""
    values: Annotated[int, Field(ge=1, le=10_000_000)] = 20_000
    """Most values in one message."""
    unknown_fields: Unknown = "refuse"
    """Fields that a message's type does not have: those of a newer client, or something smuggled past the checks."""
