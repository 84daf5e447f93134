"""The admin API keeps to its own description, whoever asks, and nobody changes anything by looking."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.unit.app.admin.states import Clock, FakeLink, a_session, a_state, a_user

from stockade.app.accounts.principal import Role
from stockade.app.admin.application import build
from stockade.app.admin.authorise import Authorise
from stockade.app.admin.guard import Guard
from stockade.app.control_state import ControlState

EXAMPLES = 12
"""Requests for each operation and role."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

# These end the session that the others are asked with, or do not end.
LEFT_OUT = {"sign_out", "end_session", "stream_events", "sign_in", "accept_invitation"}


class Asking:
    """Sends what Schemathesis makes, as somebody."""

    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.state: ControlState = a_state(folder, self.clock, FakeLink())
        for role in Role:
            a_user(self.state.accounts, role.value, role)
        self.app = build(self.state)
        authorised = Authorise(self.app, self.state.accounts, "o" * 43, "stockade-9440", self.clock)
        transport = httpx.ASGITransport(app=Guard(authorised, {"127.0.0.1"}))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9440")

    def fields(self, role: Role | None) -> dict[str, str]:
        """What a page of ours sends for somebody with a role; nothing for nobody."""
        if role is None:
            return {}
        session = a_session(self.state.accounts, role.value)
        cookie = f"stockade-9440={session.token}"
        return {"cookie": cookie, "origin": "http://127.0.0.1:9440", "x-csrf-token": session.principal.csrf}

    def send(self, case: Any, fields: dict[str, str]) -> httpx.Response:
        """Send one request."""
        plain = requests.Request(**case.as_transport_kwargs(base_url="http://127.0.0.1:9440")).prepare()
        headers = {name: str(value) for name, value in plain.headers.items() if name.lower() not in ("host", "cookie")}
        content = plain.body.encode() if isinstance(plain.body, str) else bytes(plain.body or b"")  # type: ignore[arg-type]
        sent = self.client.request(str(plain.method), str(plain.url), headers={**headers, **fields}, content=content)
        return self.loop.run_until_complete(sent)

    def close(self) -> None:
        """Let go of everything."""
        self.loop.run_until_complete(self.client.aclose())
        self.loop.close()


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Asking]:
    made = Asking(tmp_path)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role or "nobody")
def test_it_keeps_to_its_description(asking: Asking, role: Role | None, tmp_path: Path) -> None:
    schema = schemathesis.openapi.from_dict(asking.app.openapi())
    fields = asking.fields(role)
    users = [user.to_json() for user in asking.state.accounts.people.all()]
    asked = 0
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        if operation.definition.raw.get("operationId") in LEFT_OUT:
            continue

        @seed(7)
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def look(case: Any) -> None:
            nonlocal asked
            answer = asking.send(case, fields)
            asked += 1
            case.validate_response(answer, checks=CHECKS)

        look()
    assert asked > 300
    if role in (None, Role.VIEWER):
        assert not (tmp_path / "decisions.json").exists()
        assert [user.to_json() for user in asking.state.accounts.people.all()] == users
        done = {record.action for record in asking.state.audit.newest(1000)}
        assert done <= {"password.change", "factor.set", "factor.remove", "token.make", "token.revoke"}


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/api/v1/events?limit=1000000000", None),
        ("GET", "/api/v1/audit?limit=1000000000", None),
        ("GET", "/api/v1/pivot?limit=1000000000&value=x", None),
        ("GET", "/api/v1/queries/top_actors?limit=1000000000", None),
        ("GET", "/api/v1/events.csv?limit=1000000000", None),
        ("POST", "/api/v1/decisions", b"[" * 10_000),
        ("POST", "/api/v1/decisions", b'{"a":' * 10_000),
        ("POST", "/api/v1/decisions", b"x" * (2 * 1024 * 1024)),
        ("POST", "/api/v1/policy/check", json.dumps({"text": "[" * 100_000}).encode()),
        ("POST", "/api/v1/policy/check", json.dumps({"text": "a: &a [*a, *a]"}).encode()),
        ("POST", "/api/v1/decisions", b'{"selector": {"subject": "\\ud800"}, "reason": "x", "expires_in": "1m"}'),
        ("POST", "/api/v1/users", b'{"name": "\\u0000"}'),
        ("GET", "/api/v1/events/%00", None),
        ("GET", "/api/v1/policy/versions/99999999999999999999", None),
    ],
)
def test_what_is_too_much_is_refused(asking: Asking, method: str, path: str, content: bytes | None) -> None:
    headers = {**asking.fields(Role.ADMIN), "content-type": "application/json"}
    sent = asking.client.request(method, path, content=content, headers=headers)
    answer: Any = asking.loop.run_until_complete(sent)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["message"]
