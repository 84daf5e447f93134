from __future__ import annotations

from pathlib import Path

from stockade.app.decisions import Decisions
from stockade.app.gateway_link import GatewayLink
from stockade.model.decision import DecisionAction
from stockade.store.decisions import DecisionStore


def test_decisions_end_and_are_forgotten(tmp_path: Path) -> None:
    now = [1_000_000]
    store = DecisionStore(tmp_path / "decisions.json")
    decisions = Decisions(store, GatewayLink(tmp_path / "gateway.sock"), list, lambda: now[0])
    taken = decisions.take({"subject": "a"}, DecisionAction.BLOCK, "x", 10, preview=False)
    assert taken.taken
    # No gateway runs: the snapshot waits for it.
    assert not taken.enforced
    assert decisions.clean() == 0
    now[0] += 10_000_000
    assert decisions.active() == []
    assert decisions.clean() == 1
    assert store.load() == []
