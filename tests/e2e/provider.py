"""An OpenID Connect provider in a server of its own: authlib's server parts on Flask, with keys that rotate."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, jsonify
from joserfc.jwk import ECKey
from werkzeug.serving import make_server

AUDIENCE = "shop"


@dataclass
class _Client(ClientMixin):  # type: ignore[misc]  # without types
    client_id: str
    secret: str
    opaque: bool = False

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


@dataclass
class _Token(TokenMixin):  # type: ignore[misc]  # without types
    client_id: str
    access_token: str
    scope: str
    issued_at: int
    expires_in: int
    revoked: bool = False

    def check_client(self, client: Any) -> bool:
        return bool(client.client_id == self.client_id)

    def get_scope(self) -> str:
        return self.scope

    def get_expires_in(self) -> int:
        return self.expires_in

    def is_expired(self) -> bool:
        return self.issued_at + self.expires_in <= time.time()

    def is_revoked(self) -> bool:
        return self.revoked


@dataclass
class Provider:
    """A running provider.

    Clients: `app` gets JWTs (RFC 9068), `robot` gets opaque tokens, `gateway` may ask about them.
    """

    url: str = ""
    keys: list[Any] = field(default_factory=list)
    tokens: dict[str, _Token] = field(default_factory=dict)
    introspections: int = 0
    key_requests: int = 0
    delay_s: float = 0.0
    broken: bool = False

    def rotate(self, keep: int = 1) -> None:
        """Sign with a new key; so many of the old ones stay in the set."""
        kid = f"key-{time.monotonic_ns()}"
        self.keys = [ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"}), *self.keys[:keep]]

    def token(self, client: str, scope: str = "read") -> str:
        """An access token, as a client gets it."""
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = httpx.post(f"{self.url}/token", data=form, auth=(client, f"{client}-secret"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def revoke(self, client: str, token: str) -> None:
        """Take a token back, as its client does (RFC 7009)."""
        answer = httpx.post(f"{self.url}/revoke", data={"token": token}, auth=(client, f"{client}-secret"))
        assert answer.status_code == 200, answer.text

    def start(self, port: int = 0) -> None:
        self.rotate()
        app = _application(self)
        self._server = make_server("127.0.0.1", port, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _application(provider: Provider) -> Flask:
    app = Flask(__name__)
    clients = {name: _Client(name, f"{name}-secret", opaque=name == "robot") for name in ("app", "robot", "gateway")}

    class JwtTokens(JWTBearerTokenGenerator):  # type: ignore[misc]  # without types
        def get_jwks(self) -> Any:
            return provider.keys[0]

        def get_audiences(self, client: Any, user: Any, scope: str) -> list[str]:
            return [AUDIENCE]

    opaque = BearerTokenGenerator(lambda client, grant_type, user, scope: f"opaque-{time.monotonic_ns()}")

    def generate(**asked: Any) -> Any:
        kind = opaque if asked["client"].opaque else JwtTokens(issuer=provider.url, alg="ES256")
        return kind.generate(**{**asked, "expires_in": 3600})

    def save(token: dict[str, Any], request: Any) -> None:
        value = token["access_token"]
        provider.tokens[value] = _Token(
            request.client.client_id, value, token.get("scope", ""), int(time.time()), token["expires_in"]
        )

    class Introspection(IntrospectionEndpoint):  # type: ignore[misc]
        def query_token(self, token_string: str, token_type_hint: str | None) -> _Token | None:
            return provider.tokens.get(token_string)

        def check_permission(self, token: _Token, client: Any, request: Any) -> bool:
            return bool(client.client_id == "gateway")

        def introspect_token(self, token: _Token) -> dict[str, Any]:
            return {
                "active": True,
                "client_id": token.client_id,
                "sub": f"user-of-{token.client_id}",
                "scope": token.scope,
                "roles": ["robot"],
                "aud": AUDIENCE,
                "iss": provider.url,
                "exp": token.issued_at + token.expires_in,
                "iat": token.issued_at,
            }

    class Revocation(RevocationEndpoint):  # type: ignore[misc]
        def query_token(self, token_string: str, token_type_hint: str | None) -> _Token | None:
            return provider.tokens.get(token_string)

        def revoke_token(self, token: _Token, request: Any) -> None:
            token.revoked = True

    server = AuthorizationServer(app, clients.get, save)
    server.register_token_generator("client_credentials", generate)
    server.register_grant(ClientCredentialsGrant)
    server.register_endpoint(Introspection)
    server.register_endpoint(Revocation)

    @app.before_request
    def misbehave() -> Response | None:
        time.sleep(provider.delay_s)
        return Response("broken", 500) if provider.broken else None

    @app.get("/.well-known/openid-configuration")
    def discovery() -> Response:
        return jsonify(
            issuer=provider.url,
            jwks_uri=f"{provider.url}/keys",
            token_endpoint=f"{provider.url}/token",
            introspection_endpoint=f"{provider.url}/introspect",
        )

    @app.get("/keys")
    def keys() -> Response:
        provider.key_requests += 1
        return jsonify(keys=[key.as_dict(private=False) for key in provider.keys])

    @app.post("/token")
    def token() -> Any:
        return server.create_token_response()

    @app.post("/introspect")
    def introspect() -> Any:
        provider.introspections += 1
        return server.create_endpoint_response("introspection")

    @app.post("/revoke")
    def revoke() -> Any:
        return server.create_endpoint_response("revocation")

    return app
