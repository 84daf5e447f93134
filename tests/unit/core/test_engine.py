"""The engine in Python: the same verdicts and reasons as the gateway, with every stage's note."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from stockade.core import Engine, StockadeError
from stockade.core.engine import Message, Response
from stockade.model.event import record_from_json

if TYPE_CHECKING:
    from tests.unit.core.conftest import Plan

NOW_US = 1_800_000_000_000_000


def engine(plan: Plan) -> Engine:
    return Engine(json.dumps(plan).encode())


def judged(plan: Plan, raw: bytes) -> str | None:
    return engine(plan).check(Message(raw), now_us=NOW_US).reason


def test_what_is_not_a_plan_is_refused_with_a_code(plan: Plan) -> None:
    with pytest.raises(StockadeError) as raised:
        Engine(b"{}")
    assert raised.value.code == "plan.json"
    plan["apis"][0]["inspect"]["disabled"] = ["no_such_detector"]
    with pytest.raises(StockadeError) as raised:
        engine(plan)
    assert raised.value.code == "plan.setting"


def test_an_ordinary_request_passes_and_every_stage_says_so(plan: Plan) -> None:
    message = Message.build("GET", "http://Shop.Example/orders/%41?limit=1", client="192.0.2.7")
    judgement = engine(plan).explain(message, now_us=NOW_US)
    assert (judgement.verdict, judgement.reason) == ("allowed", None)
    assert judgement.canonical is not None
    assert (judgement.canonical["authority"], judgement.canonical["path"]) == ("shop.example", "/orders/A")
    stages = [note["stage"] for note in judgement.event["stages"]]
    assert stages[:2] == ["decisions", "route"]
    assert {"identity", "contract", "access", "inspect", "limit"} <= set(stages)
    assert judgement.event["actor"] == "address:192.0.2.7"


def test_the_event_reads_as_one_of_the_spool(plan: Plan) -> None:
    judgement = engine(plan).explain(Message.build("GET", "/"), now_us=NOW_US)
    record = record_from_json(judgement.event)
    assert record.time == NOW_US


def test_an_attack_is_refused_with_its_evidence(plan: Plan) -> None:
    body = b'{"name": "x\' UNION SELECT password FROM users --"}'
    message = Message.build("POST", "/users", [("Content-Type", "application/json")], body)
    judgement = engine(plan).check(message, now_us=NOW_US)
    assert judgement.verdict == "refused"
    assert judgement.refusal is not None
    assert judgement.refusal["stage"] == "inspect"
    assert judgement.event["findings"][0]["place"] == "body.name"


def test_monitor_mode_tells_what_would_have_been_refused(plan: Plan) -> None:
    plan["apis"][0]["mode"] = "monitor"
    message = Message.build("GET", "/?q=%27%20OR%201%3D1%20UNION%20SELECT%20a%20FROM%20b--")
    judgement = engine(plan).check(message, now_us=NOW_US)
    assert judgement.verdict == "would_refuse"
    assert judgement.reason is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nx",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /..%2f HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"",
    ],
)
def test_malformed_messages_are_refused_as_the_gateway_does(plan: Plan, raw: bytes) -> None:
    judgement = engine(plan).check(Message(raw), now_us=NOW_US)
    assert judgement.verdict == "refused"
    assert judgement.refusal is not None
    assert judgement.refusal["stage"] == "gateway"


def test_a_chunked_body_is_judged_and_what_follows_is_counted(plan: Plan) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nGET /"
    judgement = engine(plan).check(Message(raw), now_us=NOW_US)
    assert (judgement.verdict, judgement.left_over_bytes) == ("allowed", 5)
    assert judgement.event["request"]["body_bytes"] == 2


def test_secrets_are_masked(plan: Plan) -> None:
    plan["apis"][0]["identity"]["methods"] = [
        {
            "kind": "api_key",
            "name": "api_key",
            "place": "header",
            "parameter": "x-partner",
            "keys": [
                {
                    "id": "partner-1",
                    "sha256": hashlib.sha256(b"hunter2hunter2").hexdigest(),
                    "subject": "partner",
                    "roles": [],
                    "scopes": [],
                    "expires_at": None,
                }
            ],
        }
    ]
    message = Message.build("GET", "/", [("X-Partner", "hunter2hunter2"), ("Cookie", "session=canary1234")])
    judgement = engine(plan).explain(message, now_us=NOW_US)
    assert judgement.event["actor"] == "subject:partner"
    everything = json.dumps([judgement.event, judgement.canonical])
    assert "hunter2hunter2" not in everything
    assert "canary1234" not in everything


def test_limits_count_from_call_to_call_and_by_the_given_moment(plan: Plan) -> None:
    plan["apis"][0]["limits"] = [
        {
            "name": "one",
            "by": ["address"],
            "select": None,
            "count": {"unit": "requests"},
            "shared": "local",
            "tiers": [{"amount": 1, "period_ms": 1000, "burst": 1, "action": "refuse", "delay_ms": 0}],
        }
    ]
    limited = engine(plan)
    message = Message.build("GET", "/")
    verdicts = [limited.check(message, now_us=NOW_US + offset).verdict for offset in (0, 1, 2_000_000)]
    assert verdicts == ["allowed", "refused", "allowed"]


def test_decisions_block_until_they_end(plan: Plan) -> None:
    blocking = engine(plan)
    decision = {
        "id": "d1",
        "selector": {"address": "192.0.2.0/24"},
        "action": "block",
        "reason": "test",
        "expires_at": NOW_US + 10,
    }
    assert blocking.set_decisions([decision], now_us=NOW_US) == 1
    message = Message.build("GET", "/", client="192.0.2.1")
    assert blocking.check(message, now_us=NOW_US).verdict == "refused"
    assert blocking.check(message, now_us=NOW_US + 20).verdict == "allowed"
    with pytest.raises(StockadeError, match=r"decisions\.selector"):
        blocking.set_decisions([decision | {"selector": {"colour": "red"}}], now_us=NOW_US)


def test_a_response_that_leaks_is_refused(plan: Plan) -> None:
    trace = b'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in <module>\n    1/0\nValueError: x\n'
    response = Response(500, (("content-type", "text/plain"),), trace)
    judgement = engine(plan).check(Message.build("GET", "/"), now_us=NOW_US, response=response)
    assert judgement.verdict == "refused"
    assert judgement.refusal is not None
    assert judgement.refusal["stage"] == "response"
    harmless = Response(200, (("content-type", "text/plain"),), b"fine")
    assert engine(plan).check(Message.build("GET", "/"), now_us=NOW_US, response=harmless).verdict == "allowed"


def test_a_message_is_built_as_it_is_given() -> None:
    message = Message.build("POST", "https://a.example/x?y=1", {"A": "b"}.items(), b"body")
    assert message.raw == b"POST /x?y=1 HTTP/1.1\r\nHost: a.example\r\nA: b\r\nContent-Length: 4\r\n\r\nbody"
    assert message.tls
    assert Message.build("GET", "http://a.example?q=1").raw.startswith(b"GET /?q=1 HTTP/1.1\r\n")
    assert Message.build("GET", "/?u=http://x/").raw.startswith(b"GET /?u=http://x/ HTTP/1.1\r\nHost: localhost\r\n")


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"url": 1},
        {"url": "/", "tsl": True},
        {"url": "/", "tls": "yes"},
        {"url": "/", "headers": [1]},
        {"url": "/", "headers": {"a": "b\r\nc: d"}},
        {"url": "/ HTTP/1.1\r\n", "method": "GET"},
        {"raw_base64": "%"},
        {"raw": 1},
    ],
)
def test_what_is_no_message_says_what_was_expected(value: dict[str, Any]) -> None:
    with pytest.raises(StockadeError) as raised:
        Message.from_json(value)
    assert raised.value.code == "engine.input"


def test_both_forms_of_a_message_are_the_same() -> None:
    raw = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert Message.from_json({"raw": raw}) == Message.from_json({"url": "/x"}) == Message(raw.encode())


def test_an_address_that_is_none_is_an_error_not_a_panic(plan: Plan) -> None:
    with pytest.raises(StockadeError, match=r"engine\.input"):
        engine(plan).check(Message(b"", client="nowhere"), now_us=NOW_US)
