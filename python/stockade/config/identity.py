"""The `identity` of an API: who is calling."""

import hashlib
import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from stockade.config.section import Section
from stockade.config.selector import Selector
from stockade.config.values import ConfigPath, Duration, FieldName, Name, SecretRef, Within
from stockade.config.values.refuse import refuse

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")
_COOKIE_OR_PARAMETER = r"^[A-Za-z0-9_.~-]{1,100}$"

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "HS256", "HS384", "HS512"
]
"""Signature algorithms of RFC 7518 and RFC 8037; never `none`."""


def _texts(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_OneOrMore = Annotated[
    tuple[str, ...],
    Field(max_length=100, strict=False),
    BeforeValidator(_texts, json_schema_input_type=str | list[str]),
]


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if len(value) == 10:
            return datetime.combine(date.fromisoformat(value), time(), UTC)
        moment = datetime.fromisoformat(value)
    except ValueError:
        refuse("expected a date or a time", "write `2027-01-01` (begins at 00:00 UTC) or `2027-01-01T12:00:00Z`")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]
"""A date (00:00 UTC) or a time; UTC when no offset is given."""


class Jwt(Section):
    """Bearer tokens in JWT form (RFC 6750, RFC 7519, RFC 8725)."""

    name: Name = "jwt"
    """Name in events."""
    keys_file: ConfigPath = Field(examples=["jwks.json"])
    """File with the key set of the issuer: a JWK Set (RFC 7517)."""
    issuer: _OneOrMore = Field(default=(), examples=["https://id.example"])
    """The `iss` claim must be this, or one of these; any when absent."""
    audience: _OneOrMore = Field(default=(), examples=["shop"])
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


class ApiKey(Section):
    """One API key; only its SHA-256 is kept."""

    id: Name = Field(examples=["partner-1"])
    """Id, for events and revocation."""
    sha256: str | None = Field(
        default=None, examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )
    """SHA-256 of the key in hexadecimal: `printf %s KEY | sha256sum`."""
    key: SecretRef | None = Field(default=None, examples=[{"env": "PARTNER_KEY"}])
    """The key itself, by reference; hashed when it is read. Give this or `sha256`."""
    subject: str = Field(min_length=1, max_length=200, examples=["partner"])
    """Who it stands for."""
    roles: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = Field(default=(), examples=[["partner"]])
    """Roles."""
    scopes: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Scopes."""
    expires: Moment | None = Field(default=None, examples=["2027-01-01"])
    """When it ends; never when absent."""

    @model_validator(mode="after")
    def _one_form(self) -> "ApiKey":
        if (self.sha256 is None) == (self.key is None):
            refuse("expected either `sha256` or `key`", "`sha256` is the safe one to keep in a file")
        if self.sha256 is not None and not _DIGEST.fullmatch(self.sha256):
            refuse("expected `sha256` to be 64 hexadecimal digits", "make it with `printf %s KEY | sha256sum`")
        if self.key is not None and len(self.key.get_secret_value()) < 16:
            refuse("expected a key of 16 characters or more", "make one with `openssl rand -hex 32`")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the key, 64 hexadecimal digits in lower case."""
        if self.key is not None:
            return hashlib.sha256(self.key.get_secret_value().encode()).hexdigest()
        return (self.sha256 or "").lower()


class ApiKeys(Section):
    """API keys in a header, a query parameter or a cookie; one of the three."""

    name: Name = "api_key"
    """Name in events."""
    header: FieldName | None = Field(default=None, examples=["x-api-key"])
    """Header field that carries the key."""
    query: str | None = Field(default=None, pattern=_COOKIE_OR_PARAMETER, examples=["api_key"])
    """Query parameter that carries it; keys in URLs end up in logs, so prefer a header."""
    cookie: str | None = Field(default=None, pattern=_COOKIE_OR_PARAMETER, examples=["key"])
    """Cookie that carries it."""
    keys: Annotated[tuple[ApiKey, ...], Field(min_length=1, max_length=100_000, strict=False)]
    """Known keys."""

    @model_validator(mode="after")
    def _one_place(self) -> "ApiKeys":
        if sum(place is not None for place in (self.header, self.query, self.cookie)) != 1:
            refuse("expected exactly one of `header`, `query` and `cookie`", "write `header: x-api-key`")
        return self


class Method(Section):
    """One way to prove who is calling: exactly one of these."""

    jwt: Jwt | None = None
    """Bearer tokens in JWT form."""
    api_key: ApiKeys | None = None
    """API keys."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Method":
        if (self.jwt is None) == (self.api_key is None):
            refuse("expected exactly one of `jwt` and `api_key`", "write each method as its own item of the list")
        return self

    @property
    def name(self) -> str:
        """Name in events."""
        return self.jwt.name if self.jwt else self.api_key.name if self.api_key else ""


class Identity(Section):
    """Who is calling."""

    methods: Annotated[tuple[Method, ...], Field(max_length=20, strict=False)] = ()
    """Methods, tried in order; the first whose credential is present decides."""
    required: bool | None = None
    """Whether a request without a credential is refused (401). Default: yes when there are methods.
    A bad credential is always refused."""
    anonymous: Selector | None = Field(default=None, examples=[{"paths": ["/health"], "operations": ["listProducts"]}])
    """Operations that need no credential: those that any of `operations`, `tags` and `paths` names;
    `methods` narrows them down."""
    strip_credential: bool = False
    """Whether the credential is taken out before the request is forwarded."""

    @property
    def is_required(self) -> bool:
        """`required`, with its default filled in."""
        return bool(self.methods) if self.required is None else self.required
