"""From config and specs to the plan: everything the gateway runs, worked out ahead.

The names are those of `crates/model/src/plan`, which refuses what it does not know.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stockade.config import Api, Config, ConfigError, Loaded
from stockade.config.key_set import KeySetError
from stockade.config.sources import Sources
from stockade.core.engine import Engine
from stockade.core.errors import StockadeError
from stockade.model.problem import Problem, Severity
from stockade.prevent.access.policies import PolicyError
from stockade.prevent.gateway import selections
from stockade.prevent.gateway.access_plan import access_plan, policies_plan
from stockade.prevent.gateway.gateway_plan import gateway_plan
from stockade.prevent.gateway.grpc_plan import grpc_plan
from stockade.prevent.gateway.identity_plan import identity_plan
from stockade.prevent.gateway.limits_plan import claims_of, limit_plan, with_claims
from stockade.prevent.gateway.protect_plan import protect_plan
from stockade.prevent.gateway.seclang_plan import exception_problems, seclang_exceptions, seclang_plan
from stockade.prevent.gateway.stage_plans import (
    contract_plan,
    inspect_plan,
    response_plan,
)
from stockade.prevent.gateway.upstream_plan import upstream_plan
from stockade.prevent.identity.api_keys import keys_file
from stockade.prevent.identity.key_sets import Source
from stockade.prevent.identity.signing_key import key_file
from stockade.prevent.inventory import openapi
from stockade.prevent.inventory.graphql.problem import GraphqlError
from stockade.prevent.inventory.grpc.descriptors import GrpcError
from stockade.prevent.inventory.operation import Inventory, Operation, Parameter
from stockade.prevent.seclang import Compilation, SecLangError

NO_KEY = "0" * 64
"""Stands for the key of tokens where a plan is only looked at."""

PLAN_FORMAT = 1
"""Version of the plan's shape, as in `crates/model/src/plan/mod.rs`."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A plan that the engine accepts."""

    plan: dict[str, Any]
    """The plan, ready to be written as JSON."""
    inventories: Mapping[str, Inventory]
    """Operations by API, for those that have a spec."""
    warnings: tuple[Problem, ...]
    """What works but is probably not meant; those of loading included."""
    files: tuple[Path, ...]
    """Files that the plan was made from, besides the config file: a change of one asks for a new plan."""

    def to_bytes(self, version: int, created_at: int) -> bytes:
        """The plan as the payload of a bundle.

        Args:
            version: version of the bundle.
            created_at: when it is built, microseconds since the epoch.
        """
        return _to_bytes({**self.plan, "version": version, "created_at": created_at})


def compile_plan(loaded: Loaded, token_key: str = NO_KEY) -> Compiled:
    """Compile a config: read its specs and key sets, build the plan, and have the engine compile it.

    Args:
        loaded: the config.
        token_key: key of the tokens that field protection makes; needed for a plan that a gateway will run.

    Raises:
        ConfigError: with every problem that was found; nothing is written.
    """
    config, sources = loaded.config, loaded.sources
    problems: list[Problem] = []
    warnings = list(loaded.warnings)
    inventories: dict[str, Inventory] = {}
    files: list[Path] = []
    apis: list[dict[str, Any]] = []
    rule_sets: dict[tuple[str, ...], Compilation] = {}
    for name, api in config.apis.items():
        if api.spec is not None:
            inventory = _read_spec(name, api, sources, problems)
            if inventory is None:
                continue
            inventories[name] = inventory
            warnings.extend(inventory.warnings)
            files.extend(inventory.files)
        files.extend(_key_files(api, config.data))
        found = inventories.get(name)
        base_path = api.base_path or (found.base_path if found else None) or "/"
        for problem in selections.check(name, api, found, base_path, sources):
            (problems if problem.severity is Severity.ERROR else warnings).append(problem)
        try:
            rules: dict[str, Any] = {}
            graphql: dict[str, Any] | None = None
            if api.contract.graphql is not None:
                # The parser is loaded only where there is something to parse.
                from stockade.prevent.gateway.graphql_plan import graphql_plan

                graphql, read = graphql_plan(api.contract.graphql, base_path, name, sources)
                files.extend(read)
            if api.seclang is not None:
                compiled, compilation = seclang_plan(api.seclang, rule_sets)
                rules = {"seclang": compiled, "seclang_exceptions": seclang_exceptions(api.seclang)}
                problems.extend(exception_problems(name, api.seclang, compiled, sources))
                warnings.extend(warning for warning in compilation.warnings if warning not in warnings)
                files.extend(compilation.files)
            grpc: dict[str, Any] | None = None
            if api.contract.grpc is not None:
                grpc, wrong = grpc_plan(api.contract.grpc, name, sources)
                problems.extend(wrong)
                files.append(api.contract.grpc.descriptors)
            plan = _api_plan(name, api, found, base_path, token_key, config) | rules
            plan["contract"] |= {"graphql": graphql, "grpc": grpc}
            policies, policy_files = policies_plan(api.access, found)
            plan["access"] |= policies
            files.extend(policy_files)
            apis.append(plan)
        except (SecLangError, GraphqlError, GrpcError, PolicyError) as error:
            problems.extend(error.problems)
        except KeySetError as error:
            steps = ("apis", name, "identity", "methods")
            problems.append(sources.problem(steps, error.expected, error.hint))
    problems.extend(_same_place(apis, sources))
    if problems:
        raise ConfigError(problems)
    whole = {
        "format": PLAN_FORMAT,
        "version": 1,
        "created_at": 0,
        "gateway": gateway_plan(config),
        "apis": sorted(apis, key=lambda api: -len(str(api["base_path"]))),
    }
    _try(whole, inventories, sources)
    return Compiled(whole, inventories, tuple(warnings), tuple(dict.fromkeys(files)))


def _key_files(api: Api, data: Path) -> Iterator[Path]:
    hand_on = api.identity.hand_on
    if hand_on is not None and hand_on.signed is not None and hand_on.signed.secret is None:
        yield key_file(data)
    for method in api.identity.methods:
        if method.jwt is not None:
            source = Source.of(method.jwt)
            file = source.file(data) if source else method.jwt.keys_file
            if file is not None:
                yield file
        if method.api_key is not None and method.api_key.managed:
            yield keys_file(data)
        for key in method.signature.keys if method.signature else ():
            if key.public_key_file is not None:
                yield key.public_key_file


def _read_spec(name: str, api: Api, sources: Sources, problems: list[Problem]) -> Inventory | None:
    spec = api.spec
    if spec is None:
        return None
    try:
        contract = api.contract
        return openapi.read(spec, _shown(spec), copies=contract.copies, read_only=contract.read_only == "pass")
    except openapi.OpenApiError as error:
        problems.extend(error.problems)
        return None


def _shown(file: Path) -> str:
    """A file's name as short as it can be said from here."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(file)


def _api_plan(
    name: str, api: Api, inventory: Inventory | None, base_path: str, token_key: str, config: Config
) -> dict[str, Any]:
    shared = config.gateway.shared_limits
    return {
        "name": name,
        **({"owner": api.owner} if api.owner else {}),
        "hosts": list(api.hosts),
        "base_path": base_path,
        "path_forms": list(api.path_forms),
        "mode": api.mode,
        "upstream": upstream_plan(api.upstream),
        "operations": [_with_keys(operation, api).to_plan() for operation in inventory.operations] if inventory else [],
        "schemas": dict(inventory.schemas) if inventory else {},
        "contract": contract_plan(api),
        "identity": with_claims(identity_plan(name, api.identity, config.data), _claims(api)),
        "access": access_plan(api.access, base_path, has_methods=bool(api.identity.methods)),
        "inspect": inspect_plan(api.inspect),
        "limits": [limit_plan(limit, shared) for limit in api.limits],
        "response": response_plan(api),
        "protect": protect_plan(api.protect, token_key),
        "fail": api.fail.model_dump(),
    }


def _claims(api: Api) -> frozenset[str]:
    """Claims that other stages and the upstream need."""
    told = api.identity.hand_on.claims if api.identity.hand_on else ()
    return frozenset(claims_of(api.limits) | api.access.claims | set(told))


def _with_keys(operation: Operation, api: Api) -> Operation:
    """The operation with the query parameters that carry an API key: the contract does not name those."""
    names = {parameter.name for parameter in operation.parameters if parameter.place == "query"}
    wanted = [
        method.api_key.query
        for method in api.identity.methods
        if method.api_key and method.api_key.query and method.api_key.query not in names
    ]
    if not wanted:
        return operation
    added = tuple(Parameter(name, "query", False, "form", True, True) for name in wanted)
    return replace(operation, parameters=operation.parameters + added)


def _same_place(apis: list[dict[str, Any]], sources: Sources) -> list[Problem]:
    """APIs whose base paths, once those of the specs are known, hide each other."""
    seen: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    for api in apis:
        for host in api["hosts"]:
            place = (host, api["base_path"])
            if place in seen:
                expected = f"expected another host or base path than API `{seen[place]}`"
                hint = "set `hosts` or `base_path`; a base path may also come from the spec's servers"
                problems.append(sources.problem(("apis", api["name"]), expected, hint, got="".join(place)))
            seen.setdefault(place, api["name"])
    return problems


def _try(plan: dict[str, Any], inventories: Mapping[str, Inventory], sources: Sources) -> None:
    try:
        Engine(_to_bytes(plan))
    except StockadeError as error:
        raise ConfigError([_engine_problem(error, inventories, sources)]) from error


def _engine_problem(error: StockadeError, inventories: Mapping[str, Inventory], sources: Sources) -> Problem:
    """What the engine found, at its place in the config or in the spec."""
    setting, separator, problem = error.message.partition(": ")
    if error.code != "plan.setting" or not separator:
        return Problem("", error.message, hint=error.hint)
    owner, is_policy, where = setting.partition(".access.policies.")
    if is_policy:
        file, _, line = where.rpartition(":")
        return Problem(f"{owner}.access.policies", problem, file=file, line=int(line) if line.isdigit() else None)
    for name, inventory in inventories.items():
        place = inventory.schema_places.get(setting.removeprefix(f"apis.{name}.schemas."))
        if place is not None:
            return Problem(place.pointer, problem, file=place.file, line=place.line, hint=error.hint)
        prefix = f"apis.{name}.operations."
        if not setting.startswith(prefix):
            continue
        rest = setting.removeprefix(prefix)
        fitting = [operation for operation in inventory.operations if rest.startswith(operation.id)]
        operation = max(fitting, key=lambda one: len(one.id), default=None)
        if operation is not None:
            below = rest.removeprefix(operation.id).strip(".")
            pointer = f"{operation.pointer} ({below})" if below else operation.pointer
            return Problem(pointer, problem, file=operation.file, line=operation.line, hint=error.hint)
    return sources.problem(sources.steps(setting), problem, error.hint)


def _to_bytes(plan: dict[str, Any]) -> bytes:
    return json.dumps(plan, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
