"""The `acme` section: the authority that certificates are obtained from (RFC 8555)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stockade.config.section import Section
from stockade.config.values import ConfigPath, SecretRef
from stockade.config.values.refuse import refuse


class ExternalAccount(Section):
    """An account that the authority knows already (RFC 8555 7.3.4)."""

    key_id: str = Field(min_length=1, max_length=500)
    """Its id, as the authority gave it."""
    hmac_key: SecretRef = Field(examples=[{"vault": "acme-hmac"}])
    """Its key, in base 64 for URLs, as the authority gave it."""


class Acme(Section):
    """The authority that certificates are obtained from, for listeners whose certificates name `acme` domains."""

    directory: str = Field(default="https://acme-v02.api.letsencrypt.org/directory", pattern=r"^https://[!-~]{1,500}$")
    """URL of the authority's directory."""
    terms_agreed: bool = False
    """Whether you agree to the terms of service of the authority; it must be `true`."""
    contact: Annotated[tuple[str, ...], Field(max_length=10, strict=False)] = Field(
        default=(), examples=[["ops@shop.example"]]
    )
    """E-mail addresses that the authority may write to."""
    ca_file: ConfigPath | None = None
    """PEM file of the roots that the authority's own server is verified by; the public ones when absent."""
    external_account: ExternalAccount | None = None
    """An account that the authority knows already, where it asks for one."""
    key: Literal["ecdsa", "rsa"] = "ecdsa"
    """Kind of the certificates' keys: P-256, or RSA with 3072 bits for very old clients."""

    @model_validator(mode="after")
    def _agreed(self) -> "Acme":
        if not self.terms_agreed:
            refuse("expected `terms_agreed: true`", "read the terms of service that the directory names first")
        return self
