"""Who may ask what: tokens, cookies, forged requests, and a right for every operation."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from tests.unit.app.admin.asking import AppClient
from tests.unit.app.admin.states import PASSWORD, Clock, FakeLink, a_session, a_state, a_user

from stockade.app.accounts.principal import SCOPES, Role
from stockade.app.accounts.sessions import SignedIn
from stockade.app.admin.application import build
from stockade.app.admin.authorise import Authorise
from stockade.app.admin.guard import Guard
from stockade.app.admin.rights import RIGHTS
from stockade.app.control_state import ControlState
from stockade.console.build import pages
from stockade.core.errors import StockadeError

OWNER = "o" * 43
MATRIX = Path(__file__).with_name("rights.csv")
ORIGIN = "http://127.0.0.1:9440"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(tmp_path: Path, clock: Clock) -> ControlState:
    made = a_state(tmp_path, clock, FakeLink())
    for role in Role:
        a_user(made.accounts, role.value, role)
    return made


@pytest.fixture
def client(state: ControlState, clock: Clock) -> AppClient:
    authorised = Authorise(build(state, pages), state.accounts, OWNER, state.site.cookie, clock)
    return AppClient(Guard(authorised, {"127.0.0.1"}))


def as_browser(session: SignedIn, **headers: str) -> dict[str, Any]:
    """What a page of ours sends."""
    fields = {"cookie": f"stockade-9440={session.token}", "origin": ORIGIN, "x-csrf-token": session.principal.csrf}
    return {"headers": {**fields, **headers}}


def bearer(token: str) -> dict[str, Any]:
    return {"headers": {"authorization": f"Bearer {token}"}}


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def test_health_needs_nobody_and_everything_else_somebody(client: AppClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
    for path in ("/metrics", "/api/v1/status", "/api/v1/openapi.json", "/nowhere"):
        assert client.get(path).status_code == 401, path


@pytest.mark.parametrize("credential", ["Bearer", "Bearer wrong", f"Basic {OWNER}", f"Bearer {OWNER}x"])
def test_a_wrong_token_opens_nothing(client: AppClient, credential: str) -> None:
    answer = client.get("/api/v1/status", headers={"authorization": credential})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_owner_is_named_in_the_audit_log(client: AppClient, state: ControlState) -> None:
    headers = {"authorization": f"Bearer {OWNER}", "x-stockade-by": "carol (1000)"}
    assert client.post("/api/v1/users", json={"role": "viewer"}, headers=headers).status_code == 201
    assert state.audit.newest(1)[0].by == "carol (1000)"


def test_rights_are_as_written_down(client: AppClient, state: ControlState) -> None:
    """Every operation with every role and every scope; what no right is found for fails the build."""
    routes = {route.operation_id: route for route in build(state, pages).routes if isinstance(route, APIRoute)}
    sessions = {role: a_session(state.accounts, role.value) for role in Role}
    tokens = {scope: state.accounts.tokens.make("admin", "t", frozenset({scope}), None)[0] for scope in SCOPES}
    found = []
    for operation, route in sorted(routes.items()):
        path = route.path.replace("{", "").replace("}", "")
        if operation == "stream_events":
            # It would not end; a filter that is none ends it.
            path += "?verdict=none"
        method = next(iter(route.methods or {"GET"}))
        row = [str(operation), method]
        asked = [(client, as_browser(session)) for session in sessions.values()]
        asked += [(client, bearer(token)) for token in tokens.values()]
        for asking, options in asked:
            if operation in ("sign_out", "end_session"):
                # These would end the sessions that the others are asked with.
                row.append("yes")
                continue
            answer = asking.request(method, path, **options)
            is_page = "json" not in answer.headers["content-type"]
            refused = answer.status_code in (401, 403) and (
                is_page or code_of(answer) in ("admin.401", "admin.forbidden")
            )
            row.append("no" if refused else "yes")
        found.append(row)
    head = ["operation", "method", *(str(role) for role in Role), *(f"token:{scope}" for scope in SCOPES)]
    with MATRIX.open(newline="") as file:
        assert [head, *found] == list(csv.reader(file))


def test_an_operation_without_a_right_keeps_it_from_starting(state: ControlState, clock: Clock) -> None:
    app = build(state)

    @app.get("/api/v1/new", operation_id="new")
    def new() -> None: ...

    with pytest.raises(StockadeError, match=r"admin\.right"):
        Authorise(app, state.accounts, OWNER, "cookie", clock)


def test_every_right_belongs_to_an_operation(state: ControlState) -> None:
    known = {route.operation_id for route in build(state, pages).routes if isinstance(route, APIRoute)}
    assert set(RIGHTS) == known


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9441"},
        {"origin": "http://127.0.0.1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"x-csrf-token": "wrong"},
        {"x-csrf-token": ""},
    ],
)
def test_a_request_that_another_page_made_is_refused(
    client: AppClient, state: ControlState, change: dict[str, str]
) -> None:
    session = a_session(state.accounts, "admin")
    answer = client.post("/api/v1/users", json={}, **as_browser(session, **change))
    assert (answer.status_code, code_of(answer)) == (403, "admin.forgery")
    assert client.post("/api/v1/users", json={}, **as_browser(session)).status_code == 201


def test_no_other_page_signs_anybody_in(client: AppClient) -> None:
    asked = {"name": "admin", "password": PASSWORD}
    answer = client.post("/api/v1/session", json=asked, headers={"origin": "http://evil.example"})
    assert code_of(answer) == "admin.forgery"


def test_signing_in_and_out(client: AppClient, state: ControlState) -> None:
    asked = {"name": "viewer", "password": PASSWORD}
    answer = client.post("/api/v1/session", json=asked, headers={"origin": ORIGIN})
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    token = cookie.partition("=")[2].partition(";")[0]
    fields = {"cookie": f"stockade-9440={token}", "origin": ORIGIN, "x-csrf-token": answer.json()["csrf"]}
    assert client.get("/api/v1/session", headers=fields).json()["name"] == "viewer"
    assert client.delete("/api/v1/session", headers=fields).status_code == 200
    assert client.get("/api/v1/session", headers=fields).status_code == 401
    assert [record.action for record in state.audit.newest(1)] == ["session.begin"]


def test_a_session_that_was_planted_is_not_taken_over(client: AppClient) -> None:
    fields = {"origin": ORIGIN, "cookie": "stockade-9440=planted"}
    answer = client.post("/api/v1/session", json={"name": "viewer", "password": PASSWORD}, headers=fields)
    assert "planted" not in answer.headers["set-cookie"]
    assert client.get("/api/v1/session", headers=fields).status_code == 401


def test_managing_people_asks_for_a_fresh_sign_in(client: AppClient, state: ControlState, clock: Clock) -> None:
    session = a_session(state.accounts, "admin")
    clock.pass_s(1900)
    assert client.get("/api/v1/users", **as_browser(session)).status_code == 200
    assert code_of(client.post("/api/v1/users", json={}, **as_browser(session))) == "admin.stale"


def test_a_disabled_user_is_out_at_once(client: AppClient, state: ControlState) -> None:
    session = a_session(state.accounts, "viewer")
    assert client.get("/api/v1/status", **as_browser(session)).status_code == 200
    owner = bearer(OWNER)
    assert client.request("PATCH", "/api/v1/users/viewer", json={"disabled": True}, **owner).status_code == 200
    assert client.get("/api/v1/status", **as_browser(session)).status_code == 401


def test_a_token_is_shown_once_and_makes_no_others(client: AppClient, state: ControlState) -> None:
    session = a_session(state.accounts, "responder")
    made = client.post("/api/v1/tokens", json={"label": "ci", "scopes": ["read"]}, **as_browser(session)).json()
    shown = client.get("/api/v1/tokens", **bearer(made["token"])).json()["tokens"]
    assert [token["id"] for token in shown] == [made["id"]]
    assert made["token"] not in str(shown)
    again = client.post("/api/v1/tokens", json={"label": "ci", "scopes": ["read"]}, **bearer(made["token"]))
    assert again.status_code == 403
    other = {"label": "ci", "scopes": ["read"], "name": "admin"}
    assert client.post("/api/v1/tokens", json=other, **as_browser(session)).status_code == 403


def test_nothing_is_changed_when_it_cannot_be_written_down(
    client: AppClient, state: ControlState, tmp_path: Path
) -> None:
    log = tmp_path / "audit.log"
    log.unlink(missing_ok=True)
    log.mkdir()
    answer = client.post("/api/v1/users", json={"name": "new", "role": "viewer"}, **bearer(OWNER))
    assert (answer.status_code, code_of(answer)) == (503, "audit.unwritable")
    asked = {"selector": {"subject": "alice"}, "reason": "abuse", "expires_in": "10m"}
    assert client.post("/api/v1/decisions", json=asked, **bearer(OWNER)).status_code == 503
    assert state.decisions.active() == []
    assert "new" not in [user.name for user in state.accounts.people.all()]
