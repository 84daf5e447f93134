"""Tokens in JWT form, verified with keys that are at hand."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from stockade.config.identity.binding import BindingSettings
from stockade.config.identity.place import COOKIE_OR_PARAMETER
from stockade.config.section import Section
from stockade.config.values import ConfigPath, Duration, Name, ServiceUrl, Within
from stockade.config.values.refuse import refuse

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"
]
"""Signature algorithms of RFC 7518 and RFC 8037; never `none`."""


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


OneOrMore = Annotated[
    tuple[str, ...],
    Field(max_length=100, strict=False),
    BeforeValidator(_texts, json_schema_input_type=str | list[str]),
]
"""A text, or a list of texts."""


class Jwt(Section):
    """Bearer tokens in JWT form (RFC 6750, RFC 7519, RFC 8725)."""

    name: Name = "jwt"
    """Name in events."""
    cookie: str | None = Field(default=None, pattern=COOKIE_OR_PARAMETER, examples=["session"])
    """Cookie that carries the token. Default: `Authorization: Bearer`."""
    keys_file: ConfigPath | None = Field(default=None, examples=["jwks.json"])
    """File with the key set of the issuer: a JWK Set (RFC 7517). Exactly one of this, `keys_url` and `discovery`."""
    keys_url: ServiceUrl | None = Field(default=None, examples=["https://id.example/jwks"])
    """URL of the key set; control fetches it."""
    discovery: ServiceUrl | None = Field(default=None, examples=["https://id.example"])
    """URL of the issuer, which says itself where its key set is (OpenID Connect Discovery 1.0). The `iss` claim must be
    this, unless `issuer` says otherwise."""
    refresh: Annotated[Duration, Within("1s", "1d")] = Duration(300_000)
    """How often a fetched key set is looked at again; sooner when the answer says so, or a key is missing in it."""
    keep: Annotated[Duration, Within("1s", "30d")] = Duration(86_400_000)
    """How long the last good key set goes on while the issuer does not answer; then `fail.identity` decides."""
    ca_file: ConfigPath | None = None
    """PEM file of the roots that verify the issuer's server; the public ones when absent."""
    issuer: OneOrMore = Field(default=(), examples=["https://id.example"])
    """The `iss` claim must be this, or one of these; any when absent."""
    audience: OneOrMore = Field(default=(), examples=["shop"])
    """The `aud` claim must hold this, or one of these; any when absent."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1, strict=False)] = (
        "RS256",
        "PS256",
        "ES256",
        "EdDSA",
    )
    """Signature algorithms accepted."""
    roles_claim: str = Field(default="roles", min_length=1, max_length=200, examples=["realm_access.roles"])
    """Claim that holds the roles, as a dotted path."""
    scopes_claim: str = Field(default="scope", min_length=1, max_length=200)
    """Claim that holds the scopes, as a dotted path: a list, or words separated by spaces."""
    required_claims: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ("sub", "exp")
    """Claims that a token must carry."""
    skew: Annotated[Duration, Within("0s", "10m")] = Duration(30_000)
    """Clock difference accepted in `exp`, `nbf` and `iat`."""
    binding: BindingSettings = BindingSettings()
    """Tokens that only one caller may show."""

    @model_validator(mode="after")
    def _one_source(self) -> "Jwt":
        if sum(source is not None for source in (self.keys_file, self.keys_url, self.discovery)) != 1:
            refuse("expected exactly one of `keys_file`, `keys_url` and `discovery`", "write `keys_file: jwks.json`")
        if self.keys_file is None and any(algorithm.startswith("HS") for algorithm in self.algorithms):
            refuse("expected no HS algorithm for a fetched key set", "what anybody can fetch is no secret")
        return self

    @property
    def issuers(self) -> tuple[str, ...]:
        """`issuer`, with its default filled in."""
        return self.issuer or ((self.discovery.rstrip("/"),) if self.discovery else ())
