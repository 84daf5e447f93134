"""Who is calling: methods in order and by route, keys that overlap, passwords, sessions."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.issuer import Issuer
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until

PASSWORD = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$k9ohroejZy1PN5E1SbHNPug6vB8eQAahb5SOAp6iGF4"
"""Of "correct horse"."""


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def issuer() -> Issuer:
    return Issuer("https://id.example")


def jwt(issuer: Issuer, folder: Path, **more: Any) -> dict[str, Any]:
    file = folder / "jwks.json"
    file.write_text(json.dumps(issuer.key_set()))
    return {"jwt": {"keys_file": str(file), "issuer": issuer.name, "audience": "shop", **more}}


def key(id: str, secret: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "sha256": sha256(secret), "subject": id, **more}


def refusal(stockade: Stockade, response: httpx.Response) -> str:
    return stockade.event(response.headers["x-stockade-id"]).refusals[0].reason


def test_methods_by_route_with_an_explicit_anonymous(
    origin: Origin, gateway_factory: GatewayFactory, issuer: Issuer, tmp_path: Path
) -> None:
    soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    keys = [
        key("p1", "live_new", previous={"sha256": sha256("live_old"), "until": soon}, scopes=["read"]),
        key("p2", "live_gone", expires="2020-01-01"),
    ]
    identity = {
        "methods": [
            jwt(issuer, tmp_path),
            {"api_key": {"name": "partner", "header": "x-api-key", "prefix": "live_", "keys": keys}},
            {"basic": {"users": [{"user": "metrics", "argon2id": PASSWORD, "roles": ["reader"]}]}},
        ],
        "routes": [
            {"paths": ["/open"], "by": ["anonymous"]},
            {"paths": ["/mixed"], "by": ["partner", "jwt", "anonymous"]},
            {"paths": ["/partners/**"], "by": ["partner"]},
        ],
        "session_cookies": ["sid"],
    }
    stockade = gateway_factory(origin.url, api={"identity": identity})
    bearer = {"authorization": f"Bearer {issuer.token('alice', aud='shop')}"}
    bad = {"authorization": "Bearer a.b.c"}
    partner, old, gone = ({"x-api-key": name} for name in ("live_new", "live_old", "live_gone"))
    with stockade.client() as client:

        def seen(path: str, **headers: str) -> str:
            response = client.get(path, headers=headers)
            event = stockade.event(response.headers["x-stockade-id"])
            if event.refusals:
                return f"{response.status_code} {event.refusals[0].reason}"
            return event.actor

        assert seen("/items") == "401 identity.missing"
        assert seen("/items", **bearer) == "subject:alice"
        assert seen("/items", **partner) == "subject:p1"
        assert seen("/items", **old) == "subject:p1"
        assert seen("/items", **gone) == "401 identity.api_key_expired"
        assert seen("/items", **{"x-api-key": "test_1"}) == "401 identity.unknown_api_key"
        assert seen("/open").startswith("address:")
        assert seen("/open", **bad).startswith("address:"), "a route without methods looks at no credential"
        assert seen("/mixed").startswith("address:")
        assert seen("/mixed", **bad) == "401 identity.token_malformed"
        assert seen("/mixed", **bearer, **partner) == "subject:p1"
        assert seen("/partners/7", **bearer) == "401 identity.missing"
        assert seen("/partners/7", **partner) == "subject:p1"
        event = stockade.event(client.get("/open", headers={"cookie": "sid=abc"}).headers["x-stockade-id"])
        assert event.session == sha256("abc")[:32]


def test_a_password_is_checked_beside_the_traffic(origin: Origin, gateway_factory: GatewayFactory) -> None:
    users = [{"user": "metrics", "argon2id": PASSWORD, "subject": "robot"}]
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [{"basic": {"users": users}}]}})
    with stockade.client() as client:
        assert client.get("/items").headers["www-authenticate"] == 'Basic realm="main", charset="UTF-8"'
        for _ in range(3):
            good = client.get("/items", auth=("metrics", "correct horse"))
            assert good.status_code == 200
        event = stockade.event(good.headers["x-stockade-id"])
        assert event.actor == "subject:robot"
        assert stockade.link().status()["counters"]["look_ups"] == 1, "once, and then remembered"
        for user, password in [("metrics", "wrong horse"), ("nobody", "correct horse")]:
            bad = client.get("/items", auth=(user, password))
            assert bad.status_code == 401
            assert refusal(stockade, bad) == "identity.wrong_password"
    recorded = "".join(file.read_bytes().decode("latin-1") for file in (stockade.data / "spool").iterdir())
    assert "correct horse" not in recorded
    assert "Y29ycmVjdCBob3JzZQ" not in recorded


def test_too_large_nested_or_odd_tokens_are_401(
    origin: Origin, gateway_factory: GatewayFactory, issuer: Issuer, tmp_path: Path
) -> None:
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [jwt(issuer, tmp_path)]}})
    good = issuer.token("alice", aud="shop")
    odd = ["", ".", "..", "a.b.c", "." * 5000, "A" * 15_000, f"{good}.x", good[:-4], issuer.nested(900), "\xff\xfe"]
    with stockade.client() as client:
        for token in odd:
            response = client.get("/items", headers={b"authorization": f"Bearer {token}".strip().encode("latin-1")})
            assert response.status_code == 401, token[:40]
            assert response.headers["www-authenticate"].startswith("Bearer")
        assert client.get("/items", headers={"authorization": f"Bearer {good}"}).status_code == 200
    assert until(lambda: len(stockade.exchanges()) == len(odd) + 1, what="all events")
