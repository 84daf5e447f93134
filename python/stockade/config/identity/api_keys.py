"""API keys, of which only the SHA-256 is kept."""

import hashlib
import re
from typing import Annotated

from pydantic import Field, SecretStr, model_validator

from stockade.config.identity.place import COOKIE_OR_PARAMETER
from stockade.config.section import Section
from stockade.config.values import FieldName, Moment, Name, SecretRef
from stockade.config.values.refuse import refuse

_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


def check_forms(sha256: str | None, key: SecretStr | None) -> None:
    """Refuse anything but either a digest or a key that is long enough.

    Raises:
        PydanticCustomError: what was expected.
    """
    if (sha256 is None) == (key is None):
        refuse("expected either `sha256` or `key`", "`sha256` is the safe one to keep in a file")
    if sha256 is not None and not _DIGEST.fullmatch(sha256):
        refuse("expected `sha256` to be 64 hexadecimal digits", "make it with `printf %s KEY | sha256sum`")
    if key is not None and len(key.get_secret_value()) < 16:
        refuse("expected a key of 16 characters or more", "make one with `openssl rand -hex 32`")


def digest_of(sha256: str | None, key: SecretStr | None) -> str:
    """The SHA-256 of a key that is given in one of its forms, in lower case."""
    return hashlib.sha256(key.get_secret_value().encode()).hexdigest() if key is not None else (sha256 or "").lower()


class PreviousKey(Section):
    """The key that another one takes the place of: both are good until it ends."""

    sha256: str | None = None
    """SHA-256 of the key in hexadecimal."""
    key: SecretRef | None = Field(default=None, examples=[{"env": "OLD_PARTNER_KEY"}])
    """The key itself, by reference. Give this or `sha256`."""
    until: Moment = Field(examples=["2027-01-01"])
    """When it ends."""

    @model_validator(mode="after")
    def _one_form(self) -> "PreviousKey":
        check_forms(self.sha256, self.key)
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the key, 64 hexadecimal digits in lower case."""
        return digest_of(self.sha256, self.key)


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

    previous: PreviousKey | None = None
    """The key before it, while callers change over."""

    @model_validator(mode="after")
    def _one_form(self) -> "ApiKey":
        check_forms(self.sha256, self.key)
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of the key, 64 hexadecimal digits in lower case."""
        return digest_of(self.sha256, self.key)


class ApiKeys(Section):
    """API keys in a header, a query parameter or a cookie; one of the three."""

    name: Name = "api_key"
    """Name in events."""
    header: FieldName | None = Field(default=None, examples=["x-api-key"])
    """Header field that carries the key."""
    query: str | None = Field(default=None, pattern=COOKIE_OR_PARAMETER, examples=["api_key"])
    """Query parameter that carries it; keys in URLs end up in logs, so prefer a header."""
    cookie: str | None = Field(default=None, pattern=COOKIE_OR_PARAMETER, examples=["key"])
    """Cookie that carries it."""
    prefix: str = Field(default="", pattern=r"^[\x21-\x7e]{0,32}$", examples=["shop_live_"])
    """What every key begins with: others are refused at once, and methods that share a place tell their keys by it."""
    managed: bool = False
    """Whether keys made by `stockade keys create --method NAME` are taken too."""
    keys: Annotated[tuple[ApiKey, ...], Field(max_length=100_000, strict=False)] = ()
    """Known keys; with `managed` there need be none."""

    @model_validator(mode="after")
    def _one_place(self) -> "ApiKeys":
        if sum(place is not None for place in (self.header, self.query, self.cookie)) != 1:
            refuse("expected exactly one of `header`, `query` and `cookie`", "write `header: x-api-key`")
        if not self.keys and not self.managed:
            refuse("expected at least one entry under `keys`", "or `managed: true`, for those of `stockade keys`")
        return self
