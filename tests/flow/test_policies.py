"""Policies in Cedar: checked against the contract when the config is read, and asked about every request."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.flow.transcript import NOW_US, told

from stockade.config import ConfigError, loads
from stockade.core.engine import Engine, Message
from stockade.prevent.gateway.plan import compile_plan

SPEC = {
    "openapi": "3.1.0",
    "info": {"title": "bank", "version": "1"},
    "paths": {
        "/accounts/{account_id}": {
            "parameters": [{"name": "account_id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {"operationId": "getAccount", "tags": ["read"], "responses": {"200": {"description": "it"}}},
        },
        "/transfers": {
            "post": {
                "operationId": "transfer",
                "tags": ["money"],
                "parameters": [{"name": "dry_run", "in": "query", "schema": {"type": "boolean"}}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Transfer"}}},
                },
                "responses": {"201": {"description": "done"}},
            }
        },
        "/status": {"get": {"operationId": "status", "responses": {"200": {"description": "it"}}}},
    },
    "components": {
        "schemas": {
            "Transfer": {
                "type": "object",
                "required": ["amount"],
                "properties": {"amount": {"type": "integer"}, "rate": {"type": "number"}, "to": {"type": "string"}},
            }
        }
    },
}
POLICIES = """\
// Everybody may look whether it is up.
@id("up") permit (principal, action == Action::"status", resource);

@id("own account")
permit (principal in Role::"customer", action in Action::"tag:read", resource)
when { resource.own };

@id("transfers")
permit (principal in Role::"customer", action == Action::"transfer", resource)
when { context.hour >= 6 && context has body && context.body.amount > 0 };

@id("large transfers")
forbid (principal, action == Action::"transfer", resource)
when { context has body && context.body.amount > 1000 }
unless { principal.scopes.contains("large") && context.address.isInRange(ip("10.0.0.0/8")) };

forbid (principal, action in Action::"method:POST", resource)
when { context has body && context.body has rate && context.body.rate.greaterThan(decimal("2.5")) };
"""
CALLERS = {"anna": ("1", ["customer"], []), "boss": ("2", ["customer"], ["large"]), "clerk": ("3", ["clerk"], [])}


def config(folder: Path, policies: str) -> str:
    (folder / "openapi.json").write_text(json.dumps(SPEC))
    (folder / "bank.cedar").write_text(policies)
    keys = [
        {
            "id": name,
            "sha256": hashlib.sha256(f"key-of-{name}".encode()).hexdigest(),
            "subject": subject,
            "roles": roles,
            "scopes": scopes,
        }
        for name, (subject, roles, scopes) in CALLERS.items()
    ]
    identity = {"methods": [{"api_key": {"header": "x-api-key", "keys": keys}}], "required": False}
    access = {"objects": {"accounts/{account_id}": "subject"}, "policies": ["*.cedar"]}
    api = {"upstream": "http://127.0.0.1:9", "spec": "openapi.json", "identity": identity, "access": access}
    return json.dumps({"version": 1, "apis": {"bank": api}})


def bank(folder: Path, policies: str = POLICIES) -> Engine:
    return Engine(compile_plan(loads(config(folder, policies), {}, folder)).to_bytes(1, 0))


def ask(
    engine: Engine,
    who: str,
    asked: str,
    body: object = None,
    *,
    client: str = "192.0.2.1",
    at: int = NOW_US,
    content: bytes = b"",
) -> str:
    method, _, target = asked.partition(" ")
    headers = [("x-api-key", f"key-of-{who}")] if who else []
    sent = content or (b"" if body is None else json.dumps(body).encode())
    if sent:
        headers.append(("content-type", "application/json"))
    return told(engine.check(Message.build(method, target, headers, sent, client=client), now_us=at))


def test_policies_decide_over_caller_action_object_and_circumstances(tmp_path: Path) -> None:
    engine = bank(tmp_path)
    denied = "refused by access: access.policy 403"
    assert ask(engine, "", "GET /status") == "allowed"
    assert ask(engine, "anna", "GET /accounts/1") == "allowed"
    assert ask(engine, "anna", "GET /accounts/2") == "refused by access: access.not_owner 403"
    assert ask(engine, "clerk", "GET /accounts/3") == denied, "no policy permits it to a clerk"
    assert ask(engine, "", "GET /accounts/1") == "refused by access: access.no_identity 401"
    assert ask(engine, "anna", "POST /transfers", {"amount": 1000}) == "allowed"
    assert ask(engine, "anna", "POST /transfers", {"amount": 0}) == denied
    assert ask(engine, "anna", "POST /transfers", {"amount": 1001}) == denied
    assert ask(engine, "boss", "POST /transfers", {"amount": 1001}) == denied
    assert ask(engine, "boss", "POST /transfers", {"amount": 1001}, client="10.1.2.3") == "allowed"
    assert ask(engine, "anna", "POST /transfers", {"amount": 5, "rate": 2.5}) == "allowed"
    assert ask(engine, "anna", "POST /transfers", {"amount": 5, "rate": 2.51}) == denied
    five_in_the_morning = NOW_US // 86_400_000_000 * 86_400_000_000 + 5 * 3_600_000_000
    assert ask(engine, "anna", "POST /transfers", {"amount": 5}, at=five_in_the_morning) == denied


def test_what_policies_cannot_decide_about_is_refused(tmp_path: Path) -> None:
    engine = bank(tmp_path)
    undecided = "refused by access: access.undecided 403"
    # More digits than a decimal of Cedar has: a rule on rates must not be slipped past with it.
    assert ask(engine, "anna", "POST /transfers", {"amount": 5, "rate": 9.123456}) == undecided
    twice = b'{"amount": 1, "amount": 9999}'
    assert ask(engine, "anna", "POST /transfers", content=twice).startswith("refused")


def test_the_policy_that_decided_is_named(tmp_path: Path) -> None:
    engine = bank(tmp_path)
    headers = [("x-api-key", "key-of-anna"), ("content-type", "application/json")]
    large = Message.build("POST", "/transfers", headers, b'{"amount": 5000}')
    refusal = engine.check(large, now_us=NOW_US).refusal
    assert refusal is not None
    assert "`large transfers` (" in refusal["detail"]
    assert "bank.cedar:12)" in refusal["detail"]
    assert refusal["setting"] == "apis.bank.access.policies.large transfers"
    small = engine.explain(Message.build("POST", "/transfers", headers, b'{"amount": 5}'), now_us=NOW_US)
    note = next(note for note in small.event["stages"] if note["stage"] == "access")
    assert "permitted by policy `transfers`" in note["detail"]
    assert note["setting"] == "apis.bank.access.policies.transfers"


@pytest.mark.parametrize(
    ("policies", "line", "said"),
    [
        ("permit (principal, action, resource)", 1, "unexpected"),
        ("\n\npermit (principal, action, resource)\nwhen { 1 + };", 4, "unexpected"),
        ('\npermit (principal, action == Action::"transfr", resource);', 2, "transfr"),
        ('permit (principal, action == Action::"transfer", resource)\nwhen {\n  context.body.sum > 1 };', 3, "body"),
        ("permit (principal, action, resource) when { principal.role };", 1, "role"),
        ('@id("a") permit (principal, action, resource);\n@id("a") permit (principal, action, resource);', 2, "@id"),
    ],
)
def test_a_policy_that_is_wrong_is_told_with_its_line(tmp_path: Path, policies: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        bank(tmp_path, policies)
    (problem,) = caught.value.problems
    assert problem.file is not None
    assert problem.file.endswith("bank.cedar")
    assert problem.line == line, str(problem)
    assert said in str(problem)
    assert problem.setting == "apis.bank.access.policies"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    text = config(tmp_path, "").replace("*.cedar", "none.cedar")
    with pytest.raises(ConfigError, match="found none"):
        compile_plan(loads(text, {}, tmp_path))
