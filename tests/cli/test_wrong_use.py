from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.conftest import Command


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "--version",
        "frobnicate",
        "run",
        "run --spec openapi.yaml",
        "run --upstream nowhere",
        "run --upstream nowhere --json",
        "run --config missing.yaml",
        "run --config stockade.yaml --upstream http://127.0.0.1:9",
        "control",
        "apis",
        "decisions",
        "decisions list",
        "decisions add alice --for 10m --reason abuse",
        "decisions add subject=alice --for 10m --reason abuse --action maim",
    ],
)
def test_wrong_use_is_told_and_what_to_do_about_it(
    stockade: Command, snapshot: SnapshotAssertion, arguments: str
) -> None:
    assert stockade(*arguments.split()) == snapshot
