"""One operation of an API, as far as the gateway needs to know it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem

Schema = dict[str, Any] | bool
"""A self-contained JSON Schema (2020-12); `$ref` only into its own `$defs`."""


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
class Media:
    """One media type of a body."""

    media_type: str
    """`type/subtype` in lower case; `type/*` and `*/*` are ranges."""
    schema: Schema | None
    """What the value must be, when that is promised."""

    def to_plan(self) -> dict[str, Any]:
        """As in `MediaPlan`."""
        return {"media_type": self.media_type, "schema": self.schema}


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
    warnings: tuple[Problem, ...] = ()
    """What works but is probably not meant."""
    files: tuple[Path, ...] = ()
    """Every file that was read; a change of one of them makes another inventory."""
