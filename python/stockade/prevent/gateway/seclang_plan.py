"""SecLang files as the plan of the stage that runs them (`crates/model/src/plan/seclang.rs`)."""

from pathlib import Path
from typing import Any

from stockade.config.seclang import SecLang
from stockade.prevent.seclang import Compilation, compile_files


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
