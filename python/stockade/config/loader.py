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
from stockade.config.secrets import SecretReader, VaultReader
from stockade.config.sources import Sources
from stockade.model.problem import Problem, Severity


def load(
    file: Path, environment: Mapping[str, str], *, data: Path | None = None, vault: VaultReader | None = None
) -> Loaded:
    """Load a config file.

    Args:
        file: the file, usually `stockade.yaml`; paths in it are relative to its folder.
        environment: variables that references may name.
        data: data folder, when it is not the one that the config names.
        vault: reads entries of the vault in the data folder.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        root = read_file(file, str(file))
    except DocumentError as error:
        raise ConfigError([error.problem]) from error
    return _load(root, str(file), file.absolute().parent, environment, data, vault)


def loads(
    text: str,
    environment: Mapping[str, str],
    folder: Path,
    shown_as: str = "stockade.yaml",
    *,
    data: Path | None = None,
    vault: VaultReader | None = None,
) -> Loaded:
    """Load a config from its text, as `load` does.

    Args:
        text: YAML or JSON.
        environment: variables that references may name.
        folder: folder that paths in it are relative to.
        shown_as: name of the file in problems.
        data: data folder, when it is not the one that the config names.
        vault: reads entries of the vault in the data folder.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        root = read_text(text, shown_as)
    except DocumentError as error:
        raise ConfigError([error.problem]) from error
    return _load(root, shown_as, folder, environment, data, vault)


def _load(
    root: Node,
    shown_as: str,
    folder: Path,
    environment: Mapping[str, str],
    data: Path | None,
    vault: VaultReader | None,
) -> Loaded:
    if not isinstance(root.value, dict):
        hint = "begin with `version: 1` and `apis:`"
        raise ConfigError([Problem("", "expected a mapping of settings", None, shown_as, root.line, hint)])
    secrets = SecretReader(environment, folder, data or _data_folder(root, folder), vault)
    resolver = Resolver(secrets, shown_as)
    # Keys that begin with `x-` hold anchors and notes; nothing else reads them.
    root = Node({key: node for key, node in root.value.items() if not key.startswith("x-")}, root.line)
    plain = resolver.resolve(root)
    if resolver.problems:
        raise ConfigError(resolver.problems)
    return validate(plain, Sources(shown_as, root), folder, secrets)


def _data_folder(root: Node, folder: Path) -> Path:
    """The data folder as the file names it, which has to be known before entries of its vault are read."""
    named = root.child("data")
    default = Config.model_fields["data"].default
    value = named.value if named is not None and isinstance(named.value, str) else default
    return folder / Path(value).expanduser()


def validate(plain: Any, sources: Sources, folder: Path, secrets: SecretReader | None = None) -> Loaded:
    """Validate plain data and cross-check it.

    Args:
        plain: dicts, lists and scalars.
        sources: where they came from.
        folder: folder that paths in them are relative to.
        secrets: reads what references to secrets name.

    Raises:
        ConfigError: with every problem that was found.
    """
    read = secrets.read if secrets else None
    try:
        config = Config.model_validate(plain, context={"folder": folder, "secrets": read})
    except ValidationError as error:
        raise ConfigError(problems_of(error, sources)) from error
    found = sorted(check(config, sources), key=lambda problem: problem.line or 0)
    if any(problem.severity is Severity.ERROR for problem in found):
        raise ConfigError(found)
    return Loaded(config, sources, tuple(found), tuple(sorted(secrets.files)) if secrets else ())
