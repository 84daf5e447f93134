from __future__ import annotations

import json
from pathlib import Path

from stockade.model.decision import Decision, DecisionAction
from stockade.store.decisions import DecisionStore


def test_what_was_saved_is_loaded_the_next_to_end_first(tmp_path: Path) -> None:
    store = DecisionStore(tmp_path / "decisions.json")
    late = Decision("b", {"subject": "bob"}, DecisionAction.ALLOW, "known", 20)
    early = Decision("a", {"subject": "alice"}, DecisionAction.BLOCK, "abuse", 10)
    store.save([late, early])
    assert store.load() == [early, late]


def test_an_entry_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "decisions.json"
    good = Decision("a", {"subject": "alice"}, DecisionAction.BLOCK, "abuse", 10)
    file.write_text(json.dumps({"decisions": [{"id": "x"}, good.to_json(), {**good.to_json(), "action": "maim"}]}))
    assert DecisionStore(file).load() == [good]


def test_nothing_saved_is_no_decisions(tmp_path: Path) -> None:
    assert DecisionStore(tmp_path / "decisions.json").load() == []
