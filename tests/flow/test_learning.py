"""What parameters normally hold is learned from accepted requests, and adds to what a detector saw."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from tests.flow.transcript import NOW_US, engine

from stockade.core.engine import Engine, Judgement, Message, Response

CONFIG = """
version: 1
apis:
  shop:
    upstream: http://127.0.0.1:9000
    inspect: {learn: LEARN}
"""
DOUBTFUL = quote("http://[::1]:6379/")


def ask(judging: Engine, target: str, status: int = 200) -> Judgement:
    message = Message.build("GET", f"http://shop.example{target}")
    return judging.check(message, now_us=NOW_US, response=Response(status))


def test_a_doubtful_value_is_refused_where_it_departs_from_what_is_normal(tmp_path: Path) -> None:
    judging = engine(tmp_path, CONFIG.replace("LEARN", "true"))
    assert ask(judging, f"/orders/7?id={DOUBTFUL}").verdict == "allowed"
    for number in range(60):
        assert ask(judging, f"/orders/{number}?id={number * 37}").verdict == "allowed"
    refused = ask(judging, f"/orders/7?id={DOUBTFUL}")
    assert refused.reason == "inspect.attack"
    assert "in a value unlike others here" in refused.event["findings"][0]["note"]
    assert ask(judging, f"/orders/7?other={DOUBTFUL}").verdict == "allowed", "nothing is known of that one"
    assert ask(judging, "/orders/7?id=O'Brien").verdict == "allowed", "to be unusual alone is no attack"


def test_nothing_is_learned_from_what_was_not_accepted_or_where_it_is_switched_off(tmp_path: Path) -> None:
    failing = engine(tmp_path, CONFIG.replace("LEARN", "true"))
    off = engine(tmp_path, CONFIG.replace("LEARN", "false"))
    for number in range(60):
        ask(failing, f"/orders/{number}?id={number * 37}", status=404)
        ask(off, f"/orders/{number}?id={number * 37}")
    assert ask(failing, f"/orders/7?id={DOUBTFUL}").verdict == "allowed"
    assert ask(off, f"/orders/7?id={DOUBTFUL}").verdict == "allowed"
