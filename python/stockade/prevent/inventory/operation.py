"""One operation of an API, as far as the gateway needs to know it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem

Schema = dict[str, Any] | bool
"""A JSON Schema (2020-12). One with `$id` stands alone; in others `#/$defs/NAME` is one of `Inventory.schemas`."""


@dataclass(frozen=True, slots=True)
class SchemaPlace:
    """Where a named schema stands."""

    pointer: str
    """JSON pointer in its document."""
    file: str
    """Document."""
    line: int
    """Line in that document."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter."""

    name: str
    """Name; headers in lower case."""
    place: str
    """`path`, `query`, `header` or `cookie`."""
    required: bool
    """Whether it must be there."""
    style: str
    """Serialisation, as in OpenAPI: `form`, `simple`, `matrix`, `label`, `spaceDelimited`, ..."""
    explode: bool
    """Whether arrays and objects are spread over several parameters."""
    schema: Schema
    """What its value must be."""

    def to_plan(self) -> dict[str, Any]:
        """As in `ParameterPlan`."""
        return {
            "name": self.name,
            "in": self.place,
            "required": self.required,
            "style": self.style,
            "explode": self.explode,
            "schema": self.schema,
        }


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a `multipart` form, such as a file."""

    name: str
    """Its name."""
    media_types: tuple[str, ...]
    """Media types it may have; any when empty."""
    min_bytes: int
    """Fewest bytes."""
    max_bytes: int | None
    """Most bytes; None for what the body may have."""

    def to_plan(self) -> dict[str, Any]:
        """As in `PartPlan`."""
        return {
            "name": self.name,
            "media_types": list(self.media_types),
            "min_bytes": self.min_bytes,
            "max_bytes": self.max_bytes,
        }


@dataclass(frozen=True, slots=True)
class Media:
    """One media type of a body."""

    media_type: str
    """`type/subtype` in lower case; `type/*` and `*/*` are ranges."""
    schema: Schema | None
    """What the value must be, when that is promised."""
    parts: tuple[Part, ...] = ()
    """What is told of the parts of a form beside its schema."""

    def to_plan(self) -> dict[str, Any]:
        """As in `MediaPlan`."""
        parts = [part.to_plan() for part in self.parts]
        return {"media_type": self.media_type, "schema": self.schema, "parts": parts}


@dataclass(frozen=True, slots=True)
class DeclaredResponse:
    """One response that an operation may give."""

    status: str
    """`200`, `2XX` or `default`."""
    content: tuple[Media, ...]
    """Media types, most specific first; none when it has no body."""

    def to_plan(self) -> dict[str, Any]:
        """As in `DeclaredResponsePlan`."""
        return {"status": self.status, "content": [media.to_plan() for media in self.content]}


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request."""

    required: bool
    """Whether it must be there."""
    content: tuple[Media, ...]
    """Media types, most specific first."""

    def to_plan(self) -> dict[str, Any]:
        """As in `BodyPlan`."""
        return {"required": self.required, "content": [media.to_plan() for media in self.content]}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: a method on a path template."""

    id: str
    """Operation id; `METHOD /path` when the document gives none."""
    method: str
    """Method in upper case."""
    path: str
    """Template below the base path, such as `/orders/{order_id}`."""
    tags: tuple[str, ...]
    """Tags."""
    deprecated: bool
    """Whether the document marks it deprecated."""
    parameters: tuple[Parameter, ...]
    """Parameters, those of the path item included."""
    body: Body | None
    """Body; None when it has none."""
    public: bool
    """Whether the document says that no credential is needed (`security: []` or an empty alternative)."""
    pointer: str
    """JSON pointer of the operation in its document."""
    file: str
    """Document it stands in."""
    line: int
    """Line in that document."""
    responses: tuple[DeclaredResponse, ...] = ()
    """What it may answer; none when the document tells nothing of it."""

    def to_plan(self) -> dict[str, Any]:
        """As in `OperationPlan`."""
        return {
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "tags": list(self.tags),
            "deprecated": self.deprecated,
            "parameters": [parameter.to_plan() for parameter in self.parameters],
            "body": self.body.to_plan() if self.body else None,
            "responses": [response.to_plan() for response in self.responses],
        }


@dataclass(frozen=True, slots=True)
class Inventory:
    """The operations of one API."""

    file: Path
    """Document they come from."""
    title: str
    """Title of the API."""
    base_path: str | None
    """Path of the document's first server; None when it names none."""
    operations: tuple[Operation, ...]
    """Operations in the order of the document."""
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    """Named schemas that those of operations refer to."""
    schema_places: Mapping[str, SchemaPlace] = field(default_factory=dict)
    """Where each of them stands."""
    warnings: tuple[Problem, ...] = ()
    """What works but is probably not meant."""
    files: tuple[Path, ...] = ()
    """Every file that was read; a change of one of them makes another inventory."""
