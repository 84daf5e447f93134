"""Signing in at an OpenID provider, which is a small server here that can also do everything wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import SecretStr
from tests.unit.app.admin.states import Clock, a_user, accounts_in

from stockade.app.accounts.principal import Role
from stockade.app.accounts.provider import Provider
from stockade.app.accounts.sealed_column import SealedColumn
from stockade.config.oidc import Oidc
from stockade.core.errors import StockadeError

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


class Idp:
    """A provider."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.kind, self.published = "rsa", "rsa"
        self.challenge = ""
        self.token: str | None = None
        self.asked: list[dict[str, str]] = []
        idp = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    self.answer(idp.places())
                elif self.path == "/keys":
                    self.answer(idp.keys())
                else:
                    self.answer({}, 404)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                idp.asked.append({**form, "authorization": self.headers.get("authorization", "")})
                verifier = hashlib.sha256(form["code_verifier"].encode()).digest()
                if base64.urlsafe_b64encode(verifier).rstrip(b"=").decode() != idp.challenge:
                    self.answer({"error": "invalid_grant"}, 400)
                else:
                    self.answer({"id_token": idp.token or idp.sign(), "token_type": "Bearer"})

            def answer(self, value: object, status: int = 200) -> None:
                content = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.named = self.issuer
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def places(self) -> dict[str, str]:
        return {
            "issuer": self.named,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def keys(self) -> dict[str, Any]:
        if self.published == "rsa":
            told = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
        else:
            told = ECAlgorithm.to_jwk(EC.public_key(), as_dict=True)
        return {"keys": [{**told, "kid": self.published, "use": "sig"}]}

    def sign(self) -> str:
        algorithm = "RS256" if self.kind == "rsa" else "ES256"
        return jwt.encode(
            self.claims, RSA if self.kind == "rsa" else EC, algorithm=algorithm, headers={"kid": self.kind}
        )

    def sends(self, address: str, **changes: Any) -> dict[str, str]:
        """What it sends a browser back with that came to an address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.challenge = asked["code_challenge"]
        now = int(time.time())
        good = {
            "iss": self.issuer,
            "aud": "stockade",
            "sub": "u-1",
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
        }
        self.claims = {**good, "preferred_username": "ann", "groups": ["staff", "api-team"], **changes}
        self.claims = {name: value for name, value in self.claims.items() if value is not None}
        return {"code": "c-1", "state": asked["state"]}


@pytest.fixture
def idp() -> Iterator[Idp]:
    made = Idp()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def provider(idp: Idp, tmp_path: Path, clock: Clock) -> Provider:
    settings = Oidc(
        issuer=idp.issuer,
        client_id="stockade",
        client_secret=SecretStr("s3cret"),
        roles={"on-call": "responder", "api-team": "editor", "staff": "viewer"},
    )
    return Provider(settings, "https://stockade.internal", SealedColumn("oidc", tmp_path / "keys", {}), clock)


def test_somebody_signs_in(idp: Idp, provider: Provider) -> None:
    begun = provider.begin("/events?verdict=refused")
    proven = provider.end(idp.sends(begun.address), begun.cookie)
    assert (proven.name, proven.role, proven.there) == ("ann", Role.EDITOR, "/events?verdict=refused")
    assert proven.provider == f"{idp.issuer}|u-1"
    assert idp.asked[0]["redirect_uri"] == "https://stockade.internal/signin/callback"
    assert idp.asked[0]["authorization"] == "Basic " + base64.b64encode(b"stockade:s3cret").decode()
    assert "s3cret" not in begun.address


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://other.example"},
        {"aud": "another"},
        {"aud": ["stockade", "another"], "azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"groups": ["nobody"]},
        {"groups": None},
    ],
)
def test_a_token_that_is_not_meant_so_is_refused(idp: Idp, provider: Provider, change: dict[str, Any]) -> None:
    begun = provider.begin("/")
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.end(idp.sends(begun.address, **change), begun.cookie)


@pytest.mark.parametrize("forged", ["none", "hs256", "other_key"])
def test_a_token_that_it_did_not_sign_is_refused(idp: Idp, provider: Provider, forged: str) -> None:
    begun = provider.begin("/")
    sent = idp.sends(begun.address)
    match forged:
        case "none":
            idp.token = jwt.encode(idp.claims, "", algorithm="none")
        case "hs256":
            # The public key as if it were a shared secret (CVE-2015-9256).
            shared = hashlib.sha256(idp.keys()["keys"][0]["n"].encode()).hexdigest()
            idp.token = jwt.encode(idp.claims, shared, algorithm="HS256", headers={"kid": "rsa"})
        case _:
            other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            idp.token = jwt.encode(idp.claims, other, algorithm="RS256", headers={"kid": "rsa"})
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.end(sent, begun.cookie)


def test_new_keys_are_looked_for(idp: Idp, provider: Provider) -> None:
    begun = provider.begin("/")
    idp.kind = idp.published = "ec"
    assert provider.end(idp.sends(begun.address), begun.cookie).name == "ann"


def test_a_sign_in_ends_in_the_browser_that_began_it(idp: Idp, provider: Provider, clock: Clock) -> None:
    begun, other = provider.begin("/"), provider.begin("/")
    sent = idp.sends(begun.address)
    for cookie in (None, "", other.cookie, begun.cookie[:-8] + "AAAAAAAA"):
        with pytest.raises(StockadeError, match=r"signin\.provider"):
            provider.end(sent, cookie)
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.end({**sent, "iss": "https://other.example"}, begun.cookie)
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.end({**sent, "error": "access_denied"}, begun.cookie)
    clock.pass_s(601)
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.end(sent, begun.cookie)


def test_a_code_that_was_taken_from_another_is_worth_nothing(idp: Idp, provider: Provider) -> None:
    begun = provider.begin("/")
    sent = idp.sends(begun.address)
    idp.challenge = "another"
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.end(sent, begun.cookie)


def test_a_provider_with_another_name_is_refused(idp: Idp, provider: Provider) -> None:
    idp.named = "https://other.example"
    with pytest.raises(StockadeError, match=r"signin\.provider"):
        provider.begin("/")


def test_a_provider_takes_nobody_over(tmp_path: Path, clock: Clock) -> None:
    accounts = accounts_in(tmp_path, clock)
    a_user(accounts, "ann", Role.ADMIN)
    with pytest.raises(StockadeError, match=r"users\.known"):
        accounts.people.arrived("https://idp|u-1", "ann", Role.VIEWER)
    assert accounts.people.arrived("https://idp|u-2", "ben", Role.VIEWER).role is Role.VIEWER
    assert accounts.people.arrived("https://idp|u-2", "renamed", Role.EDITOR).name == "ben"
    accounts.people.change("ben", None, True)
    with pytest.raises(StockadeError, match=r"signin\.wrong"):
        accounts.people.arrived("https://idp|u-2", "ben", Role.ADMIN)
