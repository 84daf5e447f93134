"""A real OpenID Connect provider: discovery, keys that rotate, introspection, revocation, and life without it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.issuer import Issuer
from tests.e2e.origins import Origin
from tests.e2e.provider import AUDIENCE, Provider
from tests.e2e.stockades import Stockade, free_port, until


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A running provider."""
    # The provider's library insists on TLS; on loopback there is none.
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    started = Provider()
    started.start()
    yield started
    started.stop()


def discovered(provider: Provider, **more: Any) -> dict[str, Any]:
    return {"jwt": {"discovery": provider.url, "audience": AUDIENCE, **more}}


def opaque(provider: Provider, **more: Any) -> dict[str, Any]:
    client = {"client_id": "gateway", "client_secret": "gateway-secret"}
    return {"introspection": {"endpoint": f"{provider.url}/introspect", "audience": AUDIENCE, **client, **more}}


def get(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/items", headers={"authorization": f"Bearer {token}"})


def reason(stockade: Stockade, response: httpx.Response) -> str:
    return stockade.event(response.headers["x-stockade-id"]).refusals[0].reason


def test_keys_come_by_discovery_and_rotate(origin: Origin, gateway_factory: GatewayFactory, provider: Provider) -> None:
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [discovered(provider)]}})
    with stockade.client() as client:
        first = provider.token("app")
        response = get(client, first)
        assert response.status_code == 200
        event = stockade.event(response.headers["x-stockade-id"])
        assert event.identity is not None
        assert (event.identity.subject, event.identity.client, event.identity.issuer) == ("app", "app", provider.url)
        # The very first token by a new key is good: the gateway has control look for the key.
        provider.rotate()
        # Looked at a moment ago, it is not looked at again at once.
        until(lambda: get(client, provider.token("app")).status_code == 200, 25, "the new key")
        assert get(client, provider.token("app")).status_code == 200
        assert get(client, first).status_code == 200, "the old key is still in the set"
        # A made-up id makes nobody fetch all the time.
        fetched = provider.key_requests
        for number in range(5):
            forged = Issuer(provider.url, kid=f"made-up-{number}").token("app", aud=AUDIENCE)
            response = get(client, forged)
            assert (response.status_code, reason(stockade, response)) == (401, "identity.token_unknown_key")
        assert provider.key_requests <= fetched + 1


def test_a_key_that_left_the_set_is_no_longer_good(
    origin: Origin, gateway_factory: GatewayFactory, provider: Provider
) -> None:
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [discovered(provider, refresh="1s")]}})
    token = provider.token("app")
    with stockade.client() as client:
        assert get(client, token).status_code == 200
        provider.rotate(keep=0)
        until(lambda: get(client, token).status_code == 401, 15, "the new key set")
        assert get(client, provider.token("app")).status_code == 200


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_without_the_provider_keys_go_on_for_a_while_and_then_the_fail_mode_decides(
    origin: Origin, gateway_factory: GatewayFactory, provider: Provider, mode: str
) -> None:
    api = {"identity": {"methods": [discovered(provider, refresh="1s", keep="12s")]}, "fail": {"identity": mode}}
    stockade = gateway_factory(origin.url, api=api)
    token = provider.token("app")
    with stockade.client() as client:
        assert get(client, token).status_code == 200
        provider.broken = True
        broken_at = time.monotonic()
        assert get(client, token).status_code == 200, "the last good set goes on"
        if mode == "closed":
            response = until(lambda: (r := get(client, token)).status_code == 503 and r, 40, "the fail mode")
            assert reason(stockade, response) == "identity.unavailable"
        else:

            def is_anonymous() -> bool:
                event = stockade.event(get(client, token).headers["x-stockade-id"])
                return event.identity is None and event.verdict == "allowed"

            until(is_anonymous, 40, "the fail mode")
        assert time.monotonic() - broken_at > 2
        provider.broken = False
        until(lambda: get(client, token).status_code == 200, 90, "the provider")
        if mode == "closed":
            assert client.get("/items").status_code == 401, "who shows nothing is not let in by that"


def test_a_gateway_starts_before_its_provider(origin: Origin, gateway_factory: GatewayFactory) -> None:
    port = free_port()
    jwt = {"jwt": {"keys_url": f"http://127.0.0.1:{port}/keys", "audience": AUDIENCE}}
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [jwt]}})
    provider = Provider()
    with stockade.client() as client:
        assert get(client, "a.b.c").status_code == 503
        provider.start(port)
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
                token = provider.token("app")
            until(lambda: get(client, token).status_code == 200, 20, "the keys")
        finally:
            provider.stop()


def test_opaque_tokens_are_asked_about_and_answers_kept(
    origin: Origin, gateway_factory: GatewayFactory, provider: Provider
) -> None:
    methods = [discovered(provider), opaque(provider, remember="30s")]
    stockade = gateway_factory(origin.url, api={"identity": {"methods": methods}})
    token = provider.token("robot")
    with stockade.client() as client:
        for _ in range(3):
            response = get(client, token)
            assert response.status_code == 200
        assert provider.introspections == 1
        event = stockade.event(response.headers["x-stockade-id"])
        assert event.identity is not None
        assert (event.identity.method, event.identity.subject) == ("introspection", "user-of-robot")
        assert event.identity.roles == ("robot",)
        assert event.identity.scopes == ("read",)
        assert get(client, provider.token("app")).status_code == 200, "JWTs are still verified here"
        assert provider.introspections == 1
        for _ in range(3):
            bad = get(client, "made-up")
            assert bad.status_code == 401
        assert reason(stockade, bad) == "identity.token_inactive"
        assert provider.introspections == 2


def test_a_token_that_its_issuer_took_back_ends_within_a_second(
    origin: Origin, gateway_factory: GatewayFactory, provider: Provider
) -> None:
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [opaque(provider)]}})
    token = provider.token("robot")
    with stockade.client() as client:
        assert get(client, token).status_code == 200
        provider.revoke("robot", token)
        revoked_at = time.monotonic()
        until(lambda: get(client, token).status_code == 401, 5, "the refusal")
        assert time.monotonic() - revoked_at < 2.5, "one second, and room for a busy machine"


def test_an_issuer_that_does_not_answer_is_under_the_fail_mode(
    origin: Origin, gateway_factory: GatewayFactory, provider: Provider
) -> None:
    methods = [opaque(provider, wait="300ms")]
    stockade = gateway_factory(origin.url, api={"identity": {"methods": methods}})
    token = provider.token("robot")
    with stockade.client() as client:
        provider.broken = True
        response = get(client, token)
        assert response.status_code == 503
        assert reason(stockade, response) == "identity.unavailable"
        provider.broken, provider.delay_s = False, 1.5
        assert get(client, token).status_code == 503
        provider.delay_s = 0.0
        until(lambda: get(client, token).status_code == 200, 20, "the issuer")
        assert stockade.link().status()["counters"]["unanswered_look_ups"] >= 2


def test_a_revoked_token_is_refused_within_a_second(
    origin: Origin, gateway_factory: GatewayFactory, provider: Provider
) -> None:
    stockade = gateway_factory(origin.url, api={"identity": {"methods": [discovered(provider)]}})
    token, other = provider.token("app"), provider.token("app")
    with stockade.client() as client:
        response = get(client, token)
        assert response.status_code == 200
        identity = stockade.event(response.headers["x-stockade-id"]).identity
        assert identity is not None
        command = [sys.executable, "-m", "stockade", "decisions", "add", f"token={identity.token}", "--for", "1h"]
        subprocess.run([*command, "--reason", "stolen", "--data", str(stockade.data)], check=True, capture_output=True)
        # The command has ended, and so has the token.
        assert get(client, token).status_code == 403
        assert get(client, other).status_code == 200
