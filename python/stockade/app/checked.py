"""What a check of a config found: problems, warnings, and what would be enforced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from stockade.app.apis import ApiSummary, summaries
from stockade.app.errors import ConfigProblemsError
from stockade.config import Api, ConfigError, Loaded
from stockade.model.problem import Problem
from stockade.prevent.gateway.plan import compile_plan


@dataclass(frozen=True, slots=True)
class CheckedApi:
    """One API that would be protected."""

    summary: ApiSummary
    """What it is."""
    enforced: tuple[str, ...]
    """What is enforced, one sentence for each stage."""

    def to_json(self) -> dict[str, Any]:
        """The API as a JSON object."""
        return {**self.summary.to_json(), "enforced": list(self.enforced)}


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    problems: tuple[Problem, ...]
    """Everything that is wrong; nothing when the config can be taken."""
    warnings: tuple[Problem, ...] = ()
    """What works but is probably not meant."""
    apis: tuple[CheckedApi, ...] = ()
    """APIs that would be protected; nothing when something is wrong."""

    def to_json(self) -> dict[str, Any]:
        """The outcome as a JSON object."""
        return {
            "ok": not self.problems,
            "problems": [problem.to_json() for problem in self.problems],
            "warnings": [problem.to_json() for problem in self.warnings],
            "apis": [api.to_json() for api in self.apis],
        }


def checked(load: Callable[[], Loaded]) -> Checked:
    """Check a config that is loaded in any way.

    Args:
        load: loads it.
    """
    try:
        loaded = load()
        compiled = compile_plan(loaded)
    except ConfigProblemsError as error:
        return Checked(error.problems)
    except ConfigError as error:
        return Checked(error.problems)
    apis = (
        CheckedApi(summary, tuple(_enforced(loaded.config.apis[summary.name], summary.operations)))
        for summary in summaries(compiled.plan)
    )
    return Checked((), compiled.warnings, tuple(apis))


def _enforced(api: Api, operations: int) -> Iterator[str]:
    if not operations:
        yield "contract: none; add `spec` to refuse what the API does not promise"
    elif api.contract.unknown_operations == "pass":
        yield f"contract: {operations} operations checked, others pass"
    else:
        yield f"contract: {operations} operations, all others refused"
    identity = api.identity
    if identity.methods:
        names = ", ".join(method.name for method in identity.methods)
        open_for = "" if identity.anonymous is None else ", except for what `anonymous` names"
        yield f"identity: {names}; {'required' if identity.is_required else 'optional'}{open_for}"
    else:
        yield "identity: none; everybody may call"
    if identity.methods or api.access.admin or api.access.rules:
        yield _access(api)
    if api.inspect.enabled:
        beyond = "streamed" if api.inspect.large_bodies == "stream" else "refused"
        judged = f"bodies up to {api.inspect.body}, larger ones {beyond}"
        yield f"inspect: on from confidence {api.inspect.threshold:g}; {judged}"
    else:
        yield "inspect: off"
    if api.seclang is not None:
        yield f"seclang: rules of {', '.join(api.seclang.files)}; mode {api.seclang.mode}"
    limits = ", ".join(f"{limit.name} {limit.rate} by {' and '.join(limit.by)}" for limit in api.limits)
    yield f"limits: {limits or 'none'}"
    if api.response.leaks:
        yield f"response: leaks are {'withheld' if api.response.refuse else 'recorded'}"


def _access(api: Api) -> str:
    access = api.access
    admin = ", ".join(access.admin.roles) if access.admin else ""
    said = [f"{len(access.rules)} rules; administration for {admin or 'nobody'}"]
    if access.default == "deny":
        said.append("what no rule selects is denied")
    if access.objects:
        said.append(f"owners of {', '.join(access.objects)}")
    if access.fields:
        said.append(f"{len(access.fields)} field rules")
    return f"access: {'; '.join(said)}"
