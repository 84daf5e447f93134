"""How the upstream is told who is calling."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stockade.config.section import Section
from stockade.config.values import Duration, FieldName, SecretRef, Within
from stockade.config.values.refuse import refuse

TOLD = ("subject", "issuer", "client", "key", "session", "method", "roles", "scopes")
"""What a header can tell, beside claims."""

_CLAIM = re.compile(r"claim:[^\x00-\x20]{1,200}")
_FRAMING = {"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"}


def _told(text: str) -> str:
    if text not in TOLD and not _CLAIM.fullmatch(text):
        refuse("expected something of the identity", f"write one of {', '.join(TOLD)} and `claim:NAME`")
    return text


def _settable(name: str) -> str:
    if name in _FRAMING or name.startswith("x-stockade-"):
        refuse("expected the name of a header that is free", "choose one such as `x-user-id`")
    return name


Told = Annotated[str, AfterValidator(_told)]
"""Something of the identity."""

OwnHeader = Annotated[FieldName, AfterValidator(_settable)]
"""A header that the gateway may set."""


class SignedHandOn(Section):
    """The identity as a JWT that the gateway signs for each request, for upstreams that trust no network."""

    header: OwnHeader = "x-identity"
    """Header that carries it; in `authorization` it takes the place of the caller's token, as a bearer token."""
    algorithm: Literal["EdDSA", "HS256"] = "EdDSA"
    """`EdDSA` by a key that is made in the data folder; `stockade keys identity` prints its public half. `HS256` by
    `secret`."""
    secret: SecretRef | None = Field(default=None, examples=[{"vault": "identity"}])
    """Secret that the upstream shares, 32 bytes or more; for `HS256`."""
    issuer: str = Field(default="stockade", min_length=1, max_length=200)
    """The `iss` claim."""
    audience: str | None = Field(default=None, min_length=1, max_length=200, examples=["shop"])
    """The `aud` claim. Default: the name of the API."""
    lifetime: Annotated[Duration, Within("1s", "1h")] = Duration(60_000)
    """From `iat` to `exp`."""

    @model_validator(mode="after")
    def _one_key(self) -> "SignedHandOn":
        if (self.algorithm == "HS256") != (self.secret is not None):
            refuse("expected `secret` with `HS256`, and with it alone")
        if self.secret is not None and len(self.secret.get_secret_value().encode()) < 32:
            refuse("expected a secret of 32 bytes or more", "make one with `openssl rand -hex 32`")
        return self


class HandOn(Section):
    """How the upstream is told who is calling.

    Whatever clients write into these headers themselves is taken out, also where nobody proved anything.
    """

    headers: Annotated[Mapping[OwnHeader, Told], Field(max_length=50)] = Field(
        default={}, examples=[{"x-user-id": "subject", "x-roles": "roles", "x-tenant": "claim:tenant"}]
    )
    """Headers, and what each tells: `subject`, `issuer`, `client`, `key`, `session`, `method`, `roles`, `scopes` or
    `claim:NAME`. Lists are joined by commas; everything but visible ASCII characters is percent-encoded."""
    signed: SignedHandOn | None = None
    """All of it in a token that is signed."""

    @model_validator(mode="after")
    def _apart(self) -> "HandOn":
        if self.signed is not None and self.signed.header in self.headers:
            refuse("expected `signed.header` to be none of `headers`")
        return self

    @property
    def claims(self) -> tuple[str, ...]:
        """Claims that headers tell."""
        return tuple(told.removeprefix("claim:") for told in self.headers.values() if told.startswith("claim:"))
