"""What loading gives: the config, where its settings came from, and what looks odd."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem


class ConfigError(Exception):
    """A config that cannot be used; `problems` holds everything that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A config that is right in itself."""

    config: Config
    """The settings, defaults filled in."""
    sources: Sources
    """Where each came from."""
    warnings: tuple[Problem, ...] = ()
    """What works but is probably not meant."""
    files: tuple[Path, ...] = ()
    """Files that secrets were read from: a change of one asks for the config to be loaded again."""
