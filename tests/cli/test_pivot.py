from __future__ import annotations

import json

from tests.cli.conftest import Command


def answer(text: str) -> dict[str, object]:
    found = json.loads(text.split("\n")[1])
    assert isinstance(found, dict)
    return found


def test_a_pivot_tells_what_stands_beside_a_value(stockade: Command) -> None:
    found = answer(stockade("events", "pivot", "alice", "--json"))
    assert found["exchanges"]
    assert found["roles"] == {"actor": found["exchanges"], "subject": found["exchanges"]}
    assert "address" in found["sides"]  # type: ignore[operator]
    assert "seen as actor" in stockade("events", "pivot", "alice")
    assert "never seen" in stockade("events", "pivot", "nobody")


def test_named_queries_are_listed_and_asked(stockade: Command) -> None:
    assert "top_actors" in stockade("events", "query")
    assert "subject:alice" in stockade("events", "query", "top_actors", "limit=5")
    assert answer(stockade("events", "query", "verdicts", "--json"))["columns"] == ["verdict", "exchanges"]


def test_wrong_queries_say_what_was_expected(stockade: Command) -> None:
    assert "expected one of traffic" in stockade("events", "query", "nothing")
    assert "expected `PARAMETER=VALUE`" in stockade("events", "query", "verdicts", "x")
    assert "expected some of since" in stockade("events", "query", "verdicts", "x=1")
