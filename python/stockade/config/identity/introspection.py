"""Opaque tokens, about which the server that issued them is asked (RFC 7662)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stockade.config.identity.binding import BindingSettings
from stockade.config.identity.jwt import OneOrMore
from stockade.config.identity.place import COOKIE_OR_PARAMETER
from stockade.config.section import Section
from stockade.config.values import ConfigPath, Duration, Name, SecretRef, ServiceUrl, Within
from stockade.config.values.refuse import refuse


class Introspection(Section):
    """Bearer tokens that only their issuer can tell about. Control asks it, and the gateway remembers the answer."""

    name: Name = "introspection"
    """Name in events."""
    endpoint: ServiceUrl = Field(examples=["https://id.example/introspect"])
    """URL of the introspection endpoint."""
    cookie: str | None = Field(default=None, pattern=COOKIE_OR_PARAMETER, examples=["session"])
    """Cookie that carries the token. Default: `Authorization: Bearer`."""
    client_id: str | None = Field(default=None, min_length=1, max_length=500, examples=["stockade"])
    """Client that the questions are asked as."""
    client_secret: SecretRef | None = Field(default=None, examples=[{"vault": "introspection"}])
    """Its secret."""
    client_auth: Literal["basic", "post"] = "basic"
    """How the client proves itself: `basic` in a header, `post` in the form (RFC 6749 2.3.1)."""
    bearer: SecretRef | None = Field(default=None, examples=[{"env": "INTROSPECTION_TOKEN"}])
    """A token to ask with, instead of a client."""
    ca_file: ConfigPath | None = None
    """PEM file of the roots that verify the server; the public ones when absent."""
    issuer: OneOrMore = ()
    """The `iss` of the answer must be this, or one of these; any when absent."""
    audience: OneOrMore = Field(default=(), examples=["shop"])
    """The `aud` of the answer must hold this, or one of these; any when absent."""
    roles_claim: str = Field(default="roles", min_length=1, max_length=200)
    """Member of the answer that holds the roles, as a dotted path."""
    scopes_claim: str = Field(default="scope", min_length=1, max_length=200)
    """Member of the answer that holds the scopes, as a dotted path."""
    required_claims: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Members that an answer must have, beside `active`."""
    skew: Annotated[Duration, Within("0s", "10m")] = Duration(30_000)
    """Clock difference accepted in `exp`, `nbf` and `iat`."""
    binding: BindingSettings = BindingSettings()
    """Tokens that only one caller may show."""
    remember: Annotated[Duration, Within("0s", "1h")] = Duration(1_000)
    """How long an answer is taken for true. So long after its issuer took a token back it is still good."""
    wait: Annotated[Duration, Within("50ms", "30s")] = Duration(2_000)
    """How long the answer may take; then `fail.identity` decides."""

    @model_validator(mode="after")
    def _one_credential(self) -> "Introspection":
        if (self.client_id is None) != (self.client_secret is None):
            refuse("expected `client_id` and `client_secret` together")
        if (self.client_id is None) == (self.bearer is None):
            hint = "an endpoint that anybody may ask tells about tokens to anybody (RFC 7662 4)"
            refuse("expected either `client_id` and `client_secret`, or `bearer`", hint)
        return self
