"""`stockade policy`: decisions tried out with made-up callers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.cli.conftest import Command

from stockade.sample.tokens import Issuer

CONFIG = """
version: 1
apis:
  shop:
    upstream: http://127.0.0.1:9000
    identity:
      methods: [{jwt: {keys_file: keys.json, roles_claim: realm.roles}}]
      anonymous: {paths: [/public]}
    access:
      roles: {support: "claim:groups=helpdesk"}
      rules: [{name: tickets, paths: ["/tickets/**"], roles: [support]}]
      objects:
        users/{user_id}: subject
        orders/{order_id}: learned
      fields: [{name: privileges, fields: [role], send: [admin]}]
"""
KEYS = Issuer(ec.generate_private_key(ec.SECP256R1())).key_set
CASES = """
cases:
  - {name: own account, caller: {subject: "3"}, request: GET /users/3, expect: allow}
  - {name: other account, caller: {subject: "4"}, request: GET /users/3, expect: deny, by: access.not_owner}
  - {name: nobody, request: GET /users/3, expect: deny, by: identity.missing}
  - {name: public, request: GET /public, expect: allow}
  - name: help desk
    caller: {subject: "5", claims: {groups: [helpdesk]}}
    request: GET /tickets/1
    expect: allow
    by: tickets
  - {name: no help desk, caller: {subject: "5"}, request: GET /tickets/1, expect: deny, by: tickets}
  - {name: unknown, caller: {subject: "3"}, request: GET /orders/9, expect: deny, by: access.owner_unknown}
  - name: it makes one
    caller: {subject: "3"}
    request: POST /orders
    body: {product: 1}
    answer: {status: 201, body: {id: 9}}
    expect: allow
  - {name: then it may, caller: {subject: "3"}, request: DELETE /orders/9, expect: allow}
  - {name: others not, caller: {subject: "4"}, request: DELETE /orders/9, expect: deny, by: access.not_owner}
  - name: no privileges
    caller: {subject: "3"}
    request: PATCH /users/3
    body: {role: admin}
    expect: deny
    by: privileges
"""


@pytest.fixture
def shop(folder: Path) -> Path:
    """The working folder, with a config in it."""
    (folder / "keys.json").write_text(json.dumps(KEYS))
    (folder / "stockade.yaml").write_text(CONFIG)
    return folder


def test_cases_are_decided_in_order_and_by_what_they_say(shop: Path, stockade: Command) -> None:
    (shop / "cases.yaml").write_text(CASES)
    told = stockade("policy", "test", "cases.yaml")
    assert told.endswith("11 of 11 cases as expected\n[exit 0]\n"), told
    (shop / "bad.yaml").write_text(
        "cases: [{name: n, caller: {subject: '3'}, request: GET /users/4, expect: allow},"
        " {caller: {subject: '3'}, request: GET /users/3, expect: allow, by: tickets}]"
    )
    told = stockade("policy", "test", "bad.yaml")
    assert told.endswith("0 of 2 cases as expected\n[exit 1]\n")
    assert "BAD n: expected allow; got denied, access.not_owner by apis.shop.access.objects.users/{user_id}" in told
    assert "BAD GET /users/3: expected `tickets` to decide; got allowed" in told


@pytest.mark.parametrize(
    ("cases", "said"),
    [
        ("[]", "expected `cases`, a list"),
        ("cases: [{expect: allow}]", "expected a `request`"),
        ("cases: [{request: GET /, expect: maybe}]", "expected `expect: allow`"),
        ("cases: [{request: GET /, expect: deny, who: me}]", "unknown key `who`"),
        ("cases: [{request: GET /, expect: deny, caller: {role: a}}]", "expected `caller` to have a `subject`"),
        ("cases: [{request: GET /, expect: deny, at: noon}]", "expected `at` to be a moment"),
    ],
)
def test_cases_that_are_none_are_told(shop: Path, stockade: Command, cases: str, said: str) -> None:
    (shop / "cases.yaml").write_text(cases)
    told = stockade("policy", "test", "cases.yaml")
    assert said in told
    assert told.endswith("[exit 2]\n")


def test_one_decision_is_explained(shop: Path, stockade: Command) -> None:
    told = stockade("policy", "explain", "get", "/tickets/7", "--subject", "5", "--claim", 'groups=["helpdesk"]')
    assert "GET /tickets/7 by `5`: allowed" in told
    assert "rule `tickets` permits the caller" in told
    assert "set by   apis.shop.access.rules.tickets" in told
    assert told.endswith("[exit 0]\n")
    told = stockade("policy", "explain", "GET", "/users/3", "--subject", "4", "--json")
    assert '"reason":"access.not_owner"' in told.replace(" ", "")
    assert told.endswith("[exit 1]\n")
    assert stockade("policy", "explain", "GET", "/users/3", "--role", "a").endswith("[exit 2]\n")
