"""Signed requests (RFC 9421)."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from stockade.config.section import Section
from stockade.config.values import ConfigPath, Duration, Moment, Name, SecretRef, Within
from stockade.config.values.refuse import refuse

_DERIVED = ("@method", "@authority", "@scheme", "@path", "@query", "@request-target", "@target-uri")
_FIELD = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,100}")
_LEAST_SECRET = 32


def _component(text: str) -> str:
    if text not in _DERIVED and not _FIELD.fullmatch(text):
        hint = f"write a field in lower case, or one of {', '.join(_DERIVED)}"
        refuse("expected the name of a component that can be signed", hint)
    return text


Component = Annotated[str, AfterValidator(_component)]
"""A component of a request: a field, or what is derived from it (RFC 9421 2)."""


class SignatureKey(Section):
    """One key that signs requests."""

    id: str = Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,200}$", examples=["partner-1"])
    """The `keyid` of its signatures; for events and revocation too."""
    algorithm: Literal[
        "hmac-sha256", "ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256"
    ] = "hmac-sha256"
    """Algorithm (RFC 9421 6.2.2)."""
    secret: SecretRef | None = Field(default=None, examples=[{"vault": "partner-1"}])
    """The shared secret of `hmac-sha256`, 32 bytes or more."""
    public_key_file: ConfigPath | None = Field(default=None, examples=["partner-1.pem"])
    """PEM file of the public key, for the other algorithms."""
    subject: str = Field(min_length=1, max_length=200, examples=["partner"])
    """Who it stands for."""
    roles: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Roles."""
    scopes: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Scopes."""
    expires: Moment | None = Field(default=None, examples=["2027-01-01"])
    """When it ends; never when absent."""

    @model_validator(mode="after")
    def _fitting(self) -> "SignatureKey":
        if self.algorithm == "hmac-sha256":
            if self.secret is None or self.public_key_file is not None:
                refuse("expected `secret`, and no `public_key_file`, for `hmac-sha256`")
            if len(self.secret.get_secret_value().encode()) < _LEAST_SECRET:
                refuse(f"expected a secret of {_LEAST_SECRET} bytes or more", "make one with `openssl rand -hex 32`")
        elif self.public_key_file is None or self.secret is not None:
            refuse(f"expected `public_key_file`, and no `secret`, for `{self.algorithm}`")
        return self


class Signatures(Section):
    """Requests that their caller signed (RFC 9421). A signature is good once, and not for long."""

    name: Name = "signature"
    """Name in events."""
    keys: Annotated[tuple[SignatureKey, ...], Field(min_length=1, max_length=10_000, strict=False)]
    """Known keys."""
    cover: Annotated[tuple[Component, ...], Field(max_length=50, strict=False)] = (
        "@method",
        "@authority",
        "@path",
        "@query",
    )
    """What a signature must cover; it may cover more."""
    digest: bool = True
    """Whether a signature must cover `content-digest` (RFC 9530) where there is a body. Where it does, the body is
    compared with it before anything is forwarded."""
    tag: str | None = Field(default=None, pattern=r"^[\x20\x21\x23-\x5b\x5d-\x7e]{1,200}$", examples=["shop"])
    """`tag` that a signature must have: others are somebody else's. Any, or none, when absent."""
    window: Annotated[Duration, Within("1s", "1h")] = Duration(300_000)
    """How old a signature may be."""
    skew: Annotated[Duration, Within("0s", "10m")] = Duration(30_000)
    """Clock difference accepted."""
