"""The pipeline as a transcript: in which order the stages speak, and what each lets through."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.flow.transcript import NOW_US, engine, judge, told

from stockade.core.engine import Engine, Message, Response

KEY = "key-of-partner"
CONFIG = f"""
version: 1
apis:
  shop:
    spec: openapi.json
    upstream: http://127.0.0.1:9000
    identity:
      methods:
        - api_key: {{header: x-api-key, keys: [{{id: p1, sha256: "{hashlib.sha256(KEY.encode()).hexdigest()}",
            subject: partner, roles: [partner]}}]}}
      anonymous: {{operations: [listItems]}}
    access:
      admin: {{paths: ["/admin/**"], roles: [admin]}}
    limits:
      - {{name: all, by: [address], rate: 5/m, burst: 5}}
    MODE
"""
SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "shop", "version": "1"},
    "paths": {
        "/items": {
            "get": {
                "operationId": "listItems",
                "parameters": [
                    {"name": "q", "in": "query", "schema": {"type": "string"}},
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 10}},
                ],
                "responses": {"200": {"description": "items"}},
            },
            "post": {
                "operationId": "addItem",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {
                                "type": "object",
                                "properties": {"name": {"type": "string"}},
                                "required": ["name"],
                                "additionalProperties": False,
                            }
                        }
                    },
                },
                "responses": {"201": {"description": "added"}},
            },
        },
        "/admin/stats": {"get": {"operationId": "stats", "responses": {"200": {"description": "stats"}}}},
    },
}
AUTH = ("x-api-key", KEY)
JSON = ("content-type", "application/json")


@pytest.fixture
def shop(tmp_path: Path) -> Engine:
    return engine(tmp_path, CONFIG.replace("MODE", "mode: enforce"), SPEC)


@pytest.fixture
def watched(tmp_path: Path) -> Engine:
    return engine(tmp_path, CONFIG.replace("MODE", "mode: monitor"), SPEC)


def test_every_stage_speaks_in_its_turn(shop: Engine) -> None:
    assert told(judge(shop, "GET /items?q=lamp")) == "allowed"
    assert told(judge(shop, "POST /items", [AUTH, JSON], b'{"name": "lamp"}')) == "allowed"
    assert told(judge(shop, "GET /nothing")) == "refused by route: route.unknown_operation 404"
    assert told(judge(shop, "POST /items", [JSON], b"{}")) == "refused by identity: identity.missing 401"
    assert told(judge(shop, "GET /items?limit=11")) == "refused by contract: contract.parameter 400"
    assert told(judge(shop, "POST /items", [AUTH, JSON], b'{"nom": 1}')) == "refused by contract: contract.body 400"
    assert told(judge(shop, "GET /admin/stats", [AUTH])) == "refused by access: access.denied 403"
    assert told(judge(shop, "GET /items?q=1'%20OR%20'1'='1")) == "refused by inspect: inspect.attack 403"
    assert told(judge(shop, "GET /%2e%2e/items")) == "refused by gateway: request.path 400"


def test_a_limit_counts_what_came_through(shop: Engine) -> None:
    verdicts = [told(judge(shop, "GET /items")) for _ in range(7)]
    assert verdicts == ["allowed"] * 5 + ["refused by limit: limit.reached 429"] * 2


def test_monitor_tells_all_that_would_refuse(watched: Engine) -> None:
    judgement = judge(watched, "GET /admin/stats?q=1'%20OR%20'1'='1")
    assert judgement.verdict == "would_refuse"
    stages = [refusal["stage"] for refusal in judgement.event["refusals"]]
    assert stages == ["identity", "contract", "access", "inspect"]


def test_a_decision_goes_before_everything_and_ends_by_itself(shop: Engine) -> None:
    decision = {
        "id": "d1",
        "selector": {"address": "127.0.0.0/8"},
        "action": "block",
        "reason": "abuse",
        "expires_at": NOW_US + 1_000_000,
    }
    assert shop.set_decisions([decision], now_us=NOW_US) == 1
    assert told(judge(shop, "GET /items")).startswith("refused by decisions: ")
    later = shop.check(Message.build("GET", "/items"), now_us=NOW_US + 1_000_000)
    assert told(later) == "allowed"


def test_a_leak_in_the_answer_is_withheld(shop: Engine) -> None:
    trace = b'Traceback (most recent call last):\n  File "/srv/app.py", line 3, in view\nValueError: boom\n'
    response = Response(500, (("content-type", "text/plain"),), trace)
    judgement = shop.check(Message.build("GET", "/items"), now_us=NOW_US, response=response)
    assert told(judgement).startswith("refused by response: ")


def test_the_same_call_gives_the_same_answer(tmp_path: Path) -> None:
    config = CONFIG.replace("MODE", "mode: enforce")
    message = Message.build("GET", "/items?q=lamp", [AUTH])
    first, second = (engine(tmp_path, config, SPEC).explain(message, now_us=NOW_US) for _ in range(2))
    assert first == second


def test_secrets_are_shown_nowhere(shop: Engine) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2lnbmF0dXJl"
    headers = [AUTH, ("authorization", f"Bearer {token}")]
    judgement = shop.explain(Message.build("GET", f"/items?q={token}&password=hunter2", headers), now_us=NOW_US)
    shown = repr((judgement.event, judgement.canonical))
    assert KEY not in shown
    assert token not in shown
    assert "hunter2" not in shown
