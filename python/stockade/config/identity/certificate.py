"""Certificates of clients as a method; the listener asks for them (`gateway.listen[].tls.client_certificates`)."""

from typing import Annotated, Literal

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import Name


class Callers(Section):
    """Some holders of certificates, and what they may have."""

    names: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,2048}$")], ...],
        Field(min_length=1, max_length=1000, strict=False),
    ] = Field(examples=[["spiffe://example.org/ns/shop/**"]])
    """Patterns of names: `*` within a part between two `/`, `**` over parts."""
    roles: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = Field(default=(), examples=[["service"]])
    """Roles."""
    scopes: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    """Scopes."""


class ClientIdentity(Section):
    """Certificates that clients proved to hold (mutual TLS).

    The listener verified them against its authorities and revocation lists.
    """

    name: Name = "certificate"
    """Name in events."""
    subject: Literal["spiffe", "dns", "subject"] = "subject"
    """What of a certificate names its holder: the SPIFFE id (its only URI), the first DNS name, or the subject as text,
    such as `CN=billing,O=Example`."""
    callers: Annotated[tuple[Callers, ...], Field(max_length=1000, strict=False)] = ()
    """Who may call; the first entry that fits counts. Everybody with a certificate when empty."""
