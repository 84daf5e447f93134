"""Configs that become plans."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stockade.config import ConfigError, loads
from stockade.model import Problem
from stockade.prevent.gateway.plan import Compiled, compile_plan

SPEC = """
openapi: 3.1.0
info: {title: T, version: "1"}
paths:
  /orders:
    get: {operationId: listOrders, tags: [orders]}
    post:
      operationId: createOrder
      tags: [orders]
      requestBody:
        content:
          application/json:
            schema: {type: object, properties: {note: {type: string, pattern: "^[a-z]*$"}}}
  /admin/stats:
    get: {operationId: getStats, tags: [admin]}
  /health:
    get: {operationId: health, security: []}
"""

KEYS = """{"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256",
 "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"""

Build = Callable[[str], Compiled]
Problems = Callable[[str], list[Problem]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Compile the settings of one API, `shop`, in a folder with a spec and a key set."""
    (tmp_path / "openapi.yaml").write_text(SPEC)
    (tmp_path / "jwks.json").write_text(KEYS)

    def run(text: str) -> Compiled:
        return compile_plan(loads(text, {}, tmp_path))

    return run


@pytest.fixture
def problems(build: Build) -> Problems:
    """The problems of a config that must not compile."""

    def run(text: str) -> list[Problem]:
        with pytest.raises(ConfigError) as caught:
            build(text)
        return list(caught.value.problems)

    return run


@pytest.fixture
def compiled(build: Build) -> Compiled:
    """A small plan."""
    return build("apis: {shop: {upstream: 'http://h', spec: openapi.yaml}}")
