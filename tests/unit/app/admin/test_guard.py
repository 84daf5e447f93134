from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from tests.unit.app.admin.asking import AppClient

from stockade.app.admin.guard import BODY_BYTES, SECURITY_HEADERS, Guard


async def echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def client() -> AppClient:
    routes = [Route(path, echo, methods=["GET", "POST"]) for path in ("/healthz", "/readyz", "/api/v1/status")]
    guarded = Guard(Starlette(routes=routes), {"127.0.0.1", "localhost", "[::1]"})
    return AppClient(guarded)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "localhost.", "[::2]:9440"])
def test_another_host_is_not_served(client: AppClient, host: str) -> None:
    for path in ("/healthz", "/api/v1/status"):
        answer = client.get(path, headers={"host": host})
        assert answer.status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:9440", "127.0.0.1", "LOCALHOST:1", "[::1]:9440", "[::1]"])
def test_our_own_names_are_served(client: AppClient, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_body_is_passed_on_whole_up_to_the_cap(client: AppClient) -> None:
    assert client.post("/api/v1/status", content=b"x" * BODY_BYTES).text == str(BODY_BYTES)
    assert client.post("/api/v1/status", content=b"x" * (BODY_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 10_000, 400),
        (b'{"a":' * 40 + b"1" + b"}" * 40, 400),
        (b"[" + b"[]," * 500 + b"[]]", 200),
        (b'["' + b"[" * 1000 + b'"]', 200),
        (b'["\\"' + b"[" * 1000 + b'"]', 200),
    ],
)
def test_json_that_is_nested_too_deep_is_refused(client: AppClient, body: bytes, status: int) -> None:
    assert client.post("/api/v1/status", content=body).status_code == status


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"a": "\\ud800"}', 400), (b'{"\\uDFFF": 1}', 400), (b'"\\ud83d\\ude00"', 200), (b"\\ud800", 200)],
)
def test_text_that_is_none_is_refused(client: AppClient, body: bytes, status: int) -> None:
    assert client.post("/api/v1/status", content=body).status_code == status


def test_a_target_that_is_too_long_is_refused(client: AppClient) -> None:
    assert client.get("/api/v1/status", params={"a": "x" * 9000}).status_code == 414


def test_browsers_that_come_over_tls_are_kept_there() -> None:
    guarded = Guard(Starlette(routes=[Route("/", echo)]), {"127.0.0.1"}, secure=True)
    assert "max-age" in AppClient(guarded).get("/").headers["strict-transport-security"]


def test_every_answer_carries_the_security_fields(client: AppClient) -> None:
    for answer in (client.get("/healthz"), client.get("/api/v1/status"), client.get("/nowhere")):
        for name, value in SECURITY_HEADERS:
            assert answer.headers[name.decode()] == value.decode()
        assert "access-control-allow-origin" not in answer.headers
