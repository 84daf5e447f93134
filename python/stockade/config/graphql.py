"""The `contract.graphql` of an API: bounds of documents, which are allowed, and who may read which field."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from stockade.config.section import Section
from stockade.config.unknown import Unknown
from stockade.config.values import BasePath, ConfigPath
from stockade.config.values.refuse import refuse

_NAME = r"(\*|[_A-Za-z][_0-9A-Za-z]*)"
TypeField = Annotated[str, StringConstraints(max_length=200, pattern=rf"^{_NAME}\.{_NAME}$")]
"""A field of a GraphQL type: `User.email`; either side may be `*`."""


class GraphqlFields(Section):
    """Fields that only some callers may read or call."""

    fields: Annotated[tuple[TypeField, ...], Field(min_length=1, max_length=1000, strict=False)] = Field(
        examples=[["User.email", "Mutation.deleteUser"]]
    )
    """Fields, as `TYPE.FIELD`; `*.email` is that field of any type, `Payment.*` any field of that type."""
    roles: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """The caller must have one of these."""
    scopes: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """The caller must have all of these. With no role and no scope nobody may."""


class Graphql(Section):
    """GraphQL over HTTP."""

    paths: Annotated[tuple[BasePath, ...], Field(min_length=1, max_length=20, strict=False)] = ("/graphql",)
    """Paths below the API's base path that it is served on. What comes there must be GraphQL."""
    sdl: ConfigPath | None = Field(default=None, examples=["schema.graphql"])
    """The schema (SDL). With it, fields and arguments that it does not have are refused, and `@cost` and `@listSize` in
    it are read."""
    depth: Annotated[int, Field(ge=1, le=100)] = 12
    """Most fields within each other."""
    aliases: Annotated[int, Field(ge=0, le=100_000)] = 30
    """Most fields under another name, fragments written out."""
    root_fields: Annotated[int, Field(ge=1, le=100_000)] = 20
    """Most fields at the top."""
    batch: Annotated[int, Field(ge=1, le=1000)] = 1
    """Most operations in one request."""
    cost: Annotated[int, Field(ge=1, le=1_000_000_000)] = 1000
    """Most points of one request. Each field costs 1, unless the schema or `costs` say otherwise, times the size of the
    lists that it stands in. A limit can count the points, with `cost: [{graphql: true}]`."""
    costs: Annotated[dict[TypeField, Annotated[int, Field(ge=0, le=1_000_000)]], Field(max_length=1000)] = Field(
        default={}, examples=[{"Query.search": 20}]
    )
    """Points of single fields of the schema."""
    words: Annotated[int, Field(ge=10, le=1_000_000)] = 10_000
    """Most words (names, numbers, marks) of a document."""
    list_size: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Entries that a list is taken to have which no argument bounds; needs `sdl`."""
    size_arguments: Annotated[tuple[str, ...], Field(max_length=50, strict=False)] = ("first", "last", "limit")
    """Arguments that bound a list."""
    introspection: Unknown = "refuse"
    """Whether callers may ask for the schema itself."""
    allow: ConfigPath | None = Field(default=None, examples=["operations"])
    """The documents that are allowed, all others are refused: a folder of `.graphql` files, or a JSON file that maps
    names or hashes to documents (a manifest of persisted queries). A request may name one by its SHA-256."""
    fields: Annotated[tuple[GraphqlFields, ...], Field(max_length=1000, strict=False)] = ()
    """Who may read or call which fields; those that are named nowhere are open to whoever may call."""

    @model_validator(mode="after")
    def _costs_need_a_schema(self) -> "Graphql":
        if self.costs and self.sdl is None:
            refuse("expected `sdl` beside `costs`", "the type of a field is only known with the schema")
        return self
