"""Loads a config file: read, resolve references, validate, cross-check; every problem at once, each with its line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stockade.config.checks import check
from stockade.config.document import DocumentError, Node, read_file, read_text
from stockade.config.loaded import ConfigError, Loaded
from stockade.config.problems import problems_of
from stockade.config.references import Resolver
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem, Severity


def load(file: Path, environment: Mapping[str, str]) -> Loaded:
    """Load a config file.

    Args:
        file: the file, usually `stockade.yaml`; paths in it are relative to its folder.
        environment: variables that `${env:NAME}` may name.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        root = read_file(file, str(file))
    except DocumentError as error:
        raise ConfigError([error.problem]) from error
    return _load(root, str(file), file.absolute().parent, environment)


def loads(text: str, environment: Mapping[str, str], folder: Path, shown_as: str = "stockade.yaml") -> Loaded:
    """Load a config from its text, as `load` does.

    Args:
        text: YAML or JSON.
        environment: variables that `${env:NAME}` may name.
        folder: folder that paths in it are relative to.
        shown_as: name of the file in problems.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        root = read_text(text, shown_as)
    except DocumentError as error:
        raise ConfigError([error.problem]) from error
    return _load(root, shown_as, folder, environment)


def _load(root: Node, shown_as: str, folder: Path, environment: Mapping[str, str]) -> Loaded:
    if not isinstance(root.value, dict):
        hint = "begin with `version: 1` and `apis:`"
        raise ConfigError([Problem("", "expected a mapping of settings", None, shown_as, root.line, hint)])
    resolver = Resolver(environment, folder, shown_as)
    # Keys that begin with `x-` hold anchors and notes; nothing else reads them.
    root = Node({key: node for key, node in root.value.items() if not key.startswith("x-")}, root.line)
    plain = resolver.resolve(root)
    if resolver.problems:
        raise ConfigError(resolver.problems)
    return validate(plain, Sources(shown_as, root), folder)


def validate(plain: Any, sources: Sources, folder: Path) -> Loaded:
    """Validate plain data and cross-check it.

    Args:
        plain: dicts, lists and scalars.
        sources: where they came from.
        folder: folder that paths in them are relative to.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        config = Config.model_validate(plain, context={"folder": folder})
    except ValidationError as error:
        raise ConfigError(problems_of(error, sources)) from error
    found = sorted(check(config, sources), key=lambda problem: problem.line or 0)
    if any(problem.severity is Severity.ERROR for problem in found):
        raise ConfigError(found)
    return Loaded(config, sources, tuple(found))
