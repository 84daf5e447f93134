"""The API of a simulated world: its operations from an OpenAPI document, and who owns what from a file beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stockade.sim.problem import SimProblemError

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
"""Methods that an OpenAPI path item may declare."""

BUILT_IN = ("shop", "bank", "data")
"""Catalogues that come with Stockade."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the API."""

    id: str
    """Operation id."""
    method: str
    """Method, upper case."""
    path: str
    """Path template."""
    parameters: tuple[str, ...]
    """Path parameters, in order."""
    query: tuple[str, ...]
    """Query parameters."""
    roles: tuple[str, ...]
    """Roles that may call it: its tags."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object."""

    name: str
    """Name."""
    parameter: str
    """Path parameter that names one."""
    ids: str
    """`number` or `uuid`."""
    owner: str = ""
    """Role whose members own these; empty when everybody's."""
    each: float = 0.0
    """How many a member owns, on average."""
    count: int = 0
    """How many there are, of those that nobody owns."""


@dataclass(frozen=True, slots=True)
class Role:
    """One kind of people."""

    name: str
    """Name, as in tokens."""
    share: float
    """Share of the population."""
    reads: str = "own"
    """`own` or `any`: whose objects its members have to do with."""
    credential: str = "token"
    """`token` (signed in by people) or `key` (programs)."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One way in which people use the API."""

    role: str
    """Who does."""
    weight: float
    """How often, against the others of the role."""
    steps: tuple[str, ...]
    """Operation ids; `*` behind one means some times, `?` means perhaps."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An API and who owns what."""

    api: str
    """Name of the API."""
    operations: Mapping[str, Operation]
    """By operation id."""
    kinds: Mapping[str, Kind]
    """By the path parameter that names them."""
    roles: Mapping[str, Role]
    """By name."""
    flows: tuple[Flow, ...]
    """How people go about it."""
    login: tuple[str, ...] = ()
    """Operations by which people prove who they are."""
    flaws: tuple[str, ...] = ()
    """Operations that forget to ask whether the caller may."""
    guessing: tuple[str, ...] = ()
    """Operations that take a code which can be guessed."""
    scarce: tuple[str, ...] = ()
    """Operations that give something away, or cost money."""
    costly: tuple[str, ...] = ()
    """Operations that are dear to answer."""
    takeover: tuple[str, ...] = ()
    """What thieves of accounts do first."""
    problems: tuple[str, ...] = field(default=())
    """What was left out while reading, for people."""

    def of_role(self, role: str) -> list[Operation]:
        """Operations that a role may call, in the order of the document."""
        return [operation for operation in self.operations.values() if role in operation.roles]


def built_in(name: str) -> Catalogue:
    """A catalogue that comes with Stockade.

    Raises:
        SimProblemError: there is none of this name.
    """
    if name not in BUILT_IN:
        raise SimProblemError(f"expected a catalogue {', '.join(BUILT_IN)} or a file, got `{name}`")
    folder = Path(__file__).parent / "catalogues"
    return load(folder / f"{name}.openapi.yaml", folder / f"{name}.owners.yaml")


def load(spec: Path, owners: Path) -> Catalogue:
    """Read a catalogue.

    Args:
        spec: OpenAPI 3 document, YAML or JSON.
        owners: who owns what, YAML or JSON; see `docs/guides/behaviour.md`.

    Raises:
        SimProblemError: a file cannot be read or does not fit the other.
    """
    document, told = read(spec), read(owners)
    operations = {operation.id: operation for operation in _operations(document)}
    if not operations:
        raise SimProblemError(f"{spec}: expected operations under `paths`, got none")
    roles = {
        name: Role(name, float(entry.get("share", 1.0)), entry.get("reads", "own"), entry.get("credential", "token"))
        for name, entry in _mapping(told, "roles", owners).items()
    }
    kinds = {
        entry["parameter"]: Kind(
            name,
            entry["parameter"],
            entry.get("ids", "number"),
            entry.get("owner", ""),
            float(entry.get("each", 0)),
            int(entry.get("count", 0)),
        )
        for name, entry in _mapping(told, "kinds", owners).items()
    }
    for kind in kinds.values():
        if kind.owner and kind.owner not in roles:
            raise SimProblemError(f"{owners}: kind `{kind.name}` is owned by `{kind.owner}`, which is no role")
    flows = tuple(
        Flow(entry["role"], float(entry.get("weight", 1)), tuple(entry["steps"])) for entry in told.get("flows") or ()
    )
    for flow in flows:
        for step in flow.steps:
            if step.rstrip("*?") not in operations:
                raise SimProblemError(f"{owners}: step `{step}` of a flow of `{flow.role}` is no operation")

    def named(key: str) -> tuple[str, ...]:
        return tuple(name for name in told.get(key) or () if name in operations)

    return Catalogue(
        api=str(told.get("api", "api")),
        operations=operations,
        kinds=kinds,
        roles=roles,
        flows=flows,
        login=named("login"),
        flaws=named("flaws"),
        guessing=named("guessing"),
        scarce=named("scarce"),
        costly=named("costly"),
        takeover=named("takeover"),
    )


def read(file: Path) -> dict[str, Any]:
    """Read a YAML or JSON file that holds one mapping.

    Raises:
        SimProblemError: it cannot be read, or holds something else.
    """
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SimProblemError(f"{file}: cannot be read: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(found, dict):
        raise SimProblemError(f"{file}: expected a mapping, got {type(found).__name__}")
    return found


def _mapping(told: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    found = told.get(key)
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise SimProblemError(f"{file}: expected `{key}` to be a mapping of mappings")
    return found


def _operations(document: Mapping[str, Any]) -> Sequence[Operation]:
    found = []
    for path, item in (document.get("paths") or {}).items():
        for method in METHODS:
            entry = item.get(method)
            if not isinstance(entry, dict):
                continue
            query = [
                parameter["name"]
                for parameter in [*(item.get("parameters") or ()), *(entry.get("parameters") or ())]
                if parameter.get("in") == "query"
            ]
            names = tuple(part.split("}")[0] for part in path.split("{")[1:])
            found.append(
                Operation(
                    id=str(entry.get("operationId") or f"{method.upper()} {path}"),
                    method=method.upper(),
                    path=path,
                    parameters=names,
                    query=tuple(query),
                    roles=tuple(entry.get("tags") or ()),
                )
            )
    return found
