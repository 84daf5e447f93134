"""`stockade check` says what is wrong and where, and what a good config enforces."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.conftest import Command

WRONG = """\
gateway:
  timeots: {head: 10s}
apis:
  shop:
    upstream: http://127.0.0.1:9000
    mode: blocking
    limits:
      - {name: login, by: [adress], rate: 10/m}
"""


@pytest.mark.parametrize(
    "arguments", ["check -c wrong.yaml", "check -c wrong.yaml --json", "check -c good.yaml", "check -c no.yaml"]
)
def test_check(stockade: Command, folder: Path, arguments: str, snapshot: SnapshotAssertion) -> None:
    (folder / "wrong.yaml").write_text(WRONG)
    (folder / "good.yaml").write_text("apis: {shop: {upstream: 'http://127.0.0.1:9000'}}\n")
    assert stockade(*arguments.split()) == snapshot


def test_the_schema_is_json(stockade: Command) -> None:
    text = stockade("check", "--schema")
    schema = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert schema["additionalProperties"] is False
