"""SecLang files as the plan of the stage that runs them (`crates/model/src/plan/seclang.rs`)."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stockade.config.seclang import SecLang
from stockade.config.sources import Sources
from stockade.model.problem import Problem
from stockade.prevent.seclang import Compilation, compile_files
from stockade.prevent.seclang.variables import MAPS, SCALARS


def seclang_plan(seclang: SecLang, known: dict[tuple[str, ...], Compilation]) -> tuple[dict[str, Any], Compilation]:
    """The rules as in `SecLangPlan`, and what they were compiled from.

    Args:
        seclang: the settings.
        known: rule sets of other APIs by their files; the one that is read is added.

    Raises:
        SecLangError: with every problem that was found.
    """
    compilation = known.get(seclang.files)
    if compilation is None:
        compilation = known[seclang.files] = compile_files(seclang.files, Path.cwd())
    plan = compilation.plan
    return (plan if seclang.mode == "rules" else {**plan, "engine": seclang.mode}), compilation


def seclang_exceptions(seclang: SecLang) -> list[dict[str, Any]]:
    """As a list of `SecLangException`."""
    return [
        {
            "operation": exception.operation,
            "rule": exception.rule,
            "variable": exception.variable,
            "reason": exception.reason,
            "expires_at": None if exception.expires is None else max(0, int(exception.expires.timestamp() * 1_000_000)),
        }
        for exception in seclang.exceptions
    ]


def exception_problems(name: str, seclang: SecLang, plan: Mapping[str, Any], sources: Sources) -> Iterator[Problem]:
    """Exceptions that name no rule or variable there is: they would change nothing, and nobody would know.

    Args:
        name: the API's name in config.
        seclang: the settings.
        plan: the rules, as in `SecLangPlan`.
        sources: where the settings came from.
    """
    ids = {str(rule["id"]) for phase in plan["phases"] for rule in phase}
    for index, exception in enumerate(seclang.exceptions):
        steps = ("apis", name, "seclang", "exceptions", index)
        if exception.rule is not None and str(exception.rule) not in ids:
            hint = _close(str(exception.rule), ids) or "`stockade rules list` shows them all"
            yield sources.problem((*steps, "rule"), "expected the id of a rule", hint, got=str(exception.rule))
        collection = (exception.variable or "ARGS").partition(":")[0].upper()
        if collection not in MAPS | SCALARS:
            near = _close(collection, MAPS | SCALARS)
            yield sources.problem((*steps, "variable"), "expected a variable", near, got=exception.variable)


def _close(word: str, known: set[str] | frozenset[str]) -> str | None:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.7)
    return f"did you mean `{close[0]}`?" if close else None
