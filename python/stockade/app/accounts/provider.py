"""Signing in at an OpenID provider: code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207)."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt

from stockade.app.accounts.principal import Role
from stockade.app.accounts.sealed_column import SealedColumn
from stockade.app.clock import Clock
from stockade.config.oidc import Oidc
from stockade.core.errors import StockadeError

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures of ID tokens that are taken; none with a shared secret, and not `none`."""

ANSWER_BYTES = 1024 * 1024
"""Longest answer of a provider."""

WAIT_S = 10.0
"""Seconds that it may take."""

KNOWN_US = 3_600_000_000
"""How long its addresses are believed, microseconds."""

BEGUN_US = 600_000_000
"""How long a sign-in may take, microseconds."""

LEEWAY_S = 60
"""Seconds by which the provider's clock may differ."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in that was begun."""

    address: str
    """Where the browser goes."""
    cookie: str
    """What it brings back, sealed."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Somebody whom the provider knows."""

    provider: str
    """Who they are to it: issuer and subject."""
    name: str
    """Name."""
    role: Role
    """Role, by their groups."""
    there: str
    """Path that they wanted."""


class Provider:
    """One OpenID provider.

    Args:
        settings: the section of the config.
        site: address of the console.
        cookies: seals what the browser brings back.
        clock: microseconds since the epoch.
        transport: how it is reached; the network when None.
    """

    def __init__(
        self,
        settings: Oidc,
        site: str,
        cookies: SealedColumn,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings
        self._callback = f"{site}/signin/callback"
        self._cookies = cookies
        self._clock = clock
        self._transport = transport
        self._lock = threading.Lock()
        self._found: tuple[int, Mapping[str, Any], jwt.PyJWKSet] | None = None

    @property
    def shown_as(self) -> str:
        """Its name on the sign-in page."""
        return self._settings.shown_as

    def begin(self, there: str) -> Begun:
        """Send a browser to the provider.

        Args:
            there: path on this site that it wanted.

        Raises:
            StockadeError: the provider does not answer.
        """
        places, _ = self._discover()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._callback,
            "scope": " ".join(dict.fromkeys(["openid", *self._settings.scopes])),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "there": there, "until": self._clock() + BEGUN_US}
        cookie = base64.urlsafe_b64encode(self._cookies.seal(json.dumps(kept), "begun").encode()).decode()
        joint = "&" if "?" in places["authorization_endpoint"] else "?"
        return Begun(f"{places['authorization_endpoint']}{joint}{urlencode(asked)}", cookie)

    def end(self, given: Mapping[str, str], cookie: str | None) -> Proven:
        """Whom the provider sent back.

        Args:
            given: parameters of the address that it sent the browser to.
            cookie: what the browser brought back.

        Raises:
            StockadeError: `signin.provider` when anything of it is not as it should be.
        """
        kept = self._kept(cookie)
        if not secrets.compare_digest(given.get("state", ""), kept["state"]) or self._clock() > kept["until"]:
            raise _refused("this sign-in was begun elsewhere, or too long ago")
        if "error" in given:
            raise _refused(f"the provider refused: {given['error'][:100]}")
        if given.get("iss", self._settings.issuer) != self._settings.issuer:
            raise _refused("the answer comes from another provider")
        places, keys = self._discover()
        asked = {
            "grant_type": "authorization_code",
            "code": given.get("code", ""),
            "redirect_uri": self._callback,
            "code_verifier": kept["verifier"],
        }
        credentials = (self._settings.client_id, self._settings.client_secret.get_secret_value())
        told = self._ask("POST", str(places["token_endpoint"]), asked, credentials)
        claims = self._claims(str(told.get("id_token", "")), keys, kept["nonce"])
        name = str(claims.get(self._settings.name_claim) or "")
        return Proven(f"{claims['iss']}|{claims['sub']}", name, self._role(claims), kept["there"])

    def _claims(self, token: str, keys: jwt.PyJWKSet, nonce: str) -> Mapping[str, Any]:
        try:
            named = jwt.get_unverified_header(token).get("kid")
            fitting = [key for key in keys.keys if named is None or key.key_id == named]
            if not fitting:
                # It may have new keys since.
                self._found = None
                _, keys = self._discover()
                fitting = [key for key in keys.keys if named is None or key.key_id == named]
            if not fitting:
                raise _refused("its token is signed with a key that it does not publish")
            claims: Mapping[str, Any] = jwt.decode(
                token,
                fitting[0],
                algorithms=list(ALGORITHMS),
                audience=self._settings.client_id,
                issuer=self._settings.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise _refused(f"its token is not good: {error}") from error
        if not secrets.compare_digest(str(claims.get("nonce", "")), nonce):
            raise _refused("its token belongs to another sign-in")
        parties = claims["aud"]
        if isinstance(parties, list) and len(parties) > 1 and claims.get("azp") != self._settings.client_id:
            raise _refused("its token was made for somebody else")
        return claims

    def _role(self, claims: Mapping[str, Any]) -> Role:
        told = claims.get(self._settings.roles_claim)
        groups = [told] if isinstance(told, str) else [str(group) for group in told] if isinstance(told, list) else []
        roles = {Role(self._settings.roles[group]) for group in groups if group in self._settings.roles}
        if not roles:
            raise _refused("none of your groups may use this Stockade")
        return max(roles, key=list(Role).index)

    def _kept(self, cookie: str | None) -> dict[str, Any]:
        try:
            sealed = base64.urlsafe_b64decode((cookie or "").encode()).decode()
            return dict(json.loads(self._cookies.open(sealed, "begun")))
        except (ValueError, TypeError, StockadeError) as error:
            raise _refused("this sign-in was begun in another browser, or too long ago") from error

    def _discover(self) -> tuple[Mapping[str, Any], jwt.PyJWKSet]:
        with self._lock:
            now = self._clock()
            if self._found is None or now > self._found[0] + KNOWN_US:
                places = self._ask("GET", f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
                if places.get("issuer") != self._settings.issuer:
                    raise _refused("the provider names itself otherwise than `admin.oidc.issuer`")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    _check_address(str(places.get(name, "")))
                try:
                    keys = jwt.PyJWKSet.from_dict(self._ask("GET", str(places["jwks_uri"])))
                except jwt.PyJWTError as error:
                    raise _refused(f"its keys cannot be read: {error}") from error
                self._found = (now, places, keys)
            return self._found[1], self._found[2]

    def _ask(
        self, method: str, address: str, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        _check_address(address)
        try:
            with (
                httpx.Client(
                    timeout=WAIT_S, follow_redirects=False, transport=self._transport, trust_env=False
                ) as client,
                client.stream(method, address, data=form, auth=auth) as answer,
            ):
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES:
                        raise _refused("it answers more than it should")
            told = json.loads(body)
        except (httpx.HTTPError, ValueError) as error:
            raise StockadeError(
                "signin.provider", f"the provider does not answer as it should: {error}", None
            ) from error
        if answer.status_code != 200 or not isinstance(told, dict):
            named = told.get("error", "") if isinstance(told, dict) else ""
            raise _refused(f"the provider answers with status {answer.status_code} {str(named)[:100]}".strip())
        return told


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
        raise _refused("the provider names an address without TLS")


def _refused(why: str) -> StockadeError:
    return StockadeError("signin.provider", why, "sign in with a password, or ask whoever runs the provider")
