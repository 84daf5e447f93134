"""From an OpenAPI document to the operations of an API; every problem at once, each with its place."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from stockade.model.problem import Problem
from stockade.prevent.inventory.openapi import parameters
from stockade.prevent.inventory.openapi.bodies import read_body, read_responses
from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.place import Place
from stockade.prevent.inventory.openapi.schemas import Schemas
from stockade.prevent.inventory.openapi.servers import base_path
from stockade.prevent.inventory.operation import Inventory, Operation, Parameter, SchemaPlace

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""Methods that a path item may have (OpenAPI 3.1, 4.8.9)."""

_PATH = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-]|\{[^{}/]+\})*)+")
_MOST_OPERATIONS = 20_000


class OpenApiError(Exception):
    """A document that cannot be used; `problems` holds everything that was found, at most 50."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def read(
    file: Path,
    shown_as: str | None = None,
    *,
    copies: Mapping[str, Path] | None = None,
    read_only: bool = False,
) -> Inventory:
    """Read an OpenAPI 3.0 or 3.1 document.

    Args:
        file: YAML or JSON, at most 32 MiB; it may refer to files in its folder and below.
        shown_as: its name in problems; the path when None.
        copies: local copies of documents that it refers to, by URL; a URL that ends in `/` stands for all below it.
        read_only: whether a request may hold properties that are `readOnly`.

    Raises:
        OpenApiError: with every problem that was found.
    """
    documents = Documents(file, shown_as or str(file), copies)
    root = documents.root()
    if root is None:
        raise OpenApiError(documents.problems)
    version = _version(documents, root)
    if documents.problems:
        raise OpenApiError(documents.problems)
    schemas = Schemas(documents, is_3_0=version == "3.0", read_only=read_only)
    operations = list(_operations(documents, root, schemas))
    _refuse_duplicates(documents, root, operations)
    path = base_path(documents, root)
    if documents.problems:
        raise OpenApiError(documents.problems)
    info = root.below("info")
    return Inventory(
        file=file,
        title=(info.text("title") if info else None) or file.stem,
        base_path=path,
        operations=tuple(operations),
        schemas=schemas.definitions,
        schema_places={
            name: SchemaPlace(place.pointer, documents.shown(place.file), place.node.line)
            for name, place in schemas.places.items()
        },
        warnings=tuple(documents.warnings),
        files=documents.files,
    )


def _version(documents: Documents, root: Place) -> str:
    hint = "begin with `openapi: 3.1.0`; a Swagger 2.0 document has to be converted first"
    found = root.below("openapi")
    text = str(found.node.value) if found else None
    if text is None or not re.fullmatch(r"3\.[01](\.\d{1,3})?(-[\w.]{1,20})?", text):
        documents.problem(found or root, "expected an OpenAPI document of version 3.0 or 3.1", text, hint)
    elif root.below("paths") is None:
        documents.problem(root, "expected `paths`")
    return (text or "")[:3]


def _operations(documents: Documents, root: Place, schemas: Schemas) -> Iterator[Operation]:
    paths = root.below("paths")
    security = root.below("security")
    count = 0
    for path, found in paths.mapping() if paths else []:
        if path.startswith("x-"):
            continue
        if not _PATH.fullmatch(path):
            expected = "expected a path such as `/orders/{order_id}`"
            documents.problem(found, expected, path, "escape what may not stand in a path; no query, no fragment")
            continue
        path_item = documents.follow(found)
        if path_item is None:
            continue
        if path_item.below("servers") is not None:
            documents.warning(path_item, "servers of a single path are not taken into account")
        for method in METHODS:
            place = path_item.below(method)
            if place is None:
                continue
            count += 1
            if count > _MOST_OPERATIONS:
                documents.problem(place, f"expected at most {_MOST_OPERATIONS} operations", "more")
                return
            yield _operation(documents, root, path_item, place, (method, path, security), schemas)


def _operation(
    documents: Documents,
    root: Place,
    path_item: Place,
    place: Place,
    named: tuple[str, str, Place | None],
    schemas: Schemas,
) -> Operation:
    method, path, security = named
    tags = place.below("tags")
    servers = place.below("servers")
    if servers is not None:
        documents.warning(servers, "servers of a single operation are not taken into account")
    found = parameters.merged(documents, path_item, place, path, schemas)
    return Operation(
        id=place.text("operationId") or f"{method.upper()} {path}",
        method=method.upper(),
        path=path,
        tags=tuple(str(tag.node.value) for tag in (tags.items() if tags else [])),
        deprecated=place.flag("deprecated"),
        parameters=tuple(_with_keys(documents, root, found)),
        body=read_body(documents, place, schemas),
        public=_is_public(place.below("security") or security),
        pointer=place.pointer,
        file=documents.shown(place.file),
        line=place.node.line,
        responses=read_responses(documents, place, schemas),
    )


def _is_public(security: Place | None) -> bool:
    """Whether no credential is needed: no requirement, or an empty one among the alternatives."""
    if security is None or not isinstance(security.node.value, list):
        return False
    return not security.items() or any(not item.mapping() for item in security.items())


def _with_keys(documents: Documents, root: Place, found: list[Parameter]) -> Iterator[Parameter]:
    """The parameters, and the query parameters that carry a key: those are declared as security schemes."""
    yield from found
    components = root.below("components")
    schemes = components.below("securitySchemes") if components else None
    names = {parameter.name for parameter in found if parameter.place == "query"}
    for _, item in schemes.mapping() if schemes else []:
        scheme = documents.follow(item)
        if scheme is None or scheme.text("type") != "apiKey" or scheme.text("in") != "query":
            continue
        name = scheme.text("name")
        if name and name not in names:
            yield Parameter(name, "query", False, "form", True, True)


def _refuse_duplicates(documents: Documents, root: Place, operations: list[Operation]) -> None:
    ids: dict[str, Operation] = {}
    templates: dict[tuple[str, str], Operation] = {}
    for operation in operations:
        shape = (operation.method, re.sub(r"\{[^{}]*\}", "{}", operation.path))
        for known, word in ((ids.get(operation.id), operation.id), (templates.get(shape), operation.path)):
            if known is None:
                continue
            documents.problems.append(
                Problem(
                    operation.pointer,
                    f"expected an operation of its own; `{known.pointer}` has the same id or path",
                    word,
                    operation.file,
                    operation.line,
                )
            )
        ids.setdefault(operation.id, operation)
        templates.setdefault(shape, operation)
    if not operations and not documents.problems:
        documents.problem(root, "expected one operation or more below `paths`")
