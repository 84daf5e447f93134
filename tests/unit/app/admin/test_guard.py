from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.unit.app.admin.asking import AppClient

from stockade.app.admin.guard import BODY_BYTES, SECURITY_HEADERS, Guard

TOKEN = "t" * 40


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def client() -> AppClient:
    routes = [Route(path, echo, methods=["GET", "POST"]) for path in ("/healthz", "/readyz", "/api/v1/status")]
    guarded = Guard(Starlette(routes=routes), {"127.0.0.1", "localhost", "[::1]"}, TOKEN)
    return AppClient(guarded)


def test_health_needs_no_token(client: AppClient) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("credential", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_everything_else_needs_the_token(client: AppClient, credential: str | None) -> None:
    headers = {"authorization": credential} if credential else {}
    answer = client.get("/api/v1/status", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_token_opens(client: AppClient) -> None:
    assert client.get("/api/v1/status", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "[::2]:9440"])
def test_another_host_is_not_served(client: AppClient, host: str) -> None:
    for path in ("/healthz", "/api/v1/status"):
        answer = client.get(path, headers={"host": host, "authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:9440", "127.0.0.1", "LOCALHOST:1", "[::1]:9440", "[::1]"])
def test_our_own_names_are_served(client: AppClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_body_is_passed_on_whole_up_to_the_cap(client: AppClient) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert client.post("/api/v1/status", content=b"x" * BODY_BYTES, headers=headers).text == str(BODY_BYTES)
    assert client.post("/api/v1/status", content=b"x" * (BODY_BYTES + 1), headers=headers).status_code == 413


def test_every_answer_carries_the_security_fields(client: AppClient) -> None:
    for answer in (client.get("/healthz"), client.get("/api/v1/status"), client.get("/nowhere")):
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()
        assert "access-control-allow-origin" not in answer.headers
