"""A config in a folder of its own."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from stockade.config import ConfigError, Loaded, loads
from stockade.model import Problem

Load = Callable[..., Loaded]
Problems = Callable[..., list[Problem]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load a config from its text, in an empty folder."""

    def load(text: str, environment: Mapping[str, str] | None = None) -> Loaded:
        return loads(text, environment or {}, tmp_path)

    return load


@pytest.fixture
def problems(load_text: Load) -> Problems:
    """The problems of a config that must not load."""

    def find(text: str, environment: Mapping[str, str] | None = None) -> list[Problem]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, environment)
        return list(caught.value.problems)

    return find
