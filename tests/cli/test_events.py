from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.conftest import Command


@pytest.mark.parametrize(
    "arguments",
    [
        "events",
        "events --verdict refused --limit 1",
        "events --path /orders --json",
        "events --reason access --until 2023-11-14T22:13:24Z",
        "events --actor alice --status 200",
        "events --since 2024-01-01",
        "events --verdict maybe",
        "events --since yesterday",
        "events --limit 0",
        "events --data elsewhere",
        "events --data elsewhere --json",
    ],
)
def test_events(stockade: Command, snapshot: SnapshotAssertion, arguments: str) -> None:
    assert stockade(*arguments.split()) == snapshot
