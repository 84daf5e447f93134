"""A certificate and its key: from files, or obtained from an authority (ACME)."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from stockade.config.section import Section
from stockade.config.values import ConfigPath
from stockade.config.values.refuse import refuse

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _domain(text: str) -> str:
    text = text.lower().rstrip(".")
    if not _DOMAIN.fullmatch(text) or len(text) > 253 or text.replace(".", "").isdigit():
        refuse("expected a domain name such as `shop.example`", "no wildcard and no address: each is proven over HTTP")
    return text


Domain = Annotated[str, AfterValidator(_domain)]
"""A domain name, made lower case."""


class Certificate(Section):
    """A certificate chain and its private key, both PEM files; read again on each reload and when they change."""

    certificate_file: ConfigPath = Field(examples=["tls/shop.crt"])
    """Chain in PEM, leaf first."""
    key_file: ConfigPath = Field(examples=["tls/shop.key"])
    """Private key in PEM: PKCS#8, SEC1 or PKCS#1, without a passphrase."""


class ServedCertificate(Section):
    """A certificate of a listener: two files, or domains for which one is obtained and renewed."""

    certificate_file: ConfigPath | None = Field(default=None, examples=["tls/shop.crt"])
    """Chain in PEM, leaf first."""
    key_file: ConfigPath | None = Field(default=None, examples=["tls/shop.key"])
    """Private key in PEM: PKCS#8, SEC1 or PKCS#1, without a passphrase."""
    acme: Annotated[tuple[Domain, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["shop.example", "www.shop.example"]]
    )
    """Domains to obtain one certificate for, by the settings in `acme`; in place of the two files."""

    @model_validator(mode="after")
    def _one_form(self) -> "ServedCertificate":
        files = (self.certificate_file is not None) + (self.key_file is not None)
        if files != (0 if self.acme else 2):
            refuse(
                "expected `certificate_file` and `key_file`, or `acme`", "write `acme: [shop.example]` to obtain one"
            )
        return self

    def files(self, data: Path) -> Certificate:
        """The files that the gateway reads; of an obtained certificate both are one, so that they change at once.

        Args:
            data: the data folder.
        """
        if self.certificate_file is not None and self.key_file is not None:
            return Certificate.model_construct(certificate_file=self.certificate_file, key_file=self.key_file)
        obtained = data / "acme" / "certificates" / f"{self.acme[0]}.pem"
        return Certificate.model_construct(certificate_file=obtained, key_file=obtained)
