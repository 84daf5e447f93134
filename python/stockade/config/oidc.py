"""The `admin.oidc` section: signing in at an OpenID provider."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import SecretRef

_Url = Annotated[str, Field(pattern=r"^https?://[^?#\s]+$", max_length=500)]
_Claim = Annotated[str, Field(min_length=1, max_length=100)]


class Oidc(Section):
    """An OpenID provider (OpenID Connect Core 1.0, code flow with PKCE)."""

    issuer: _Url = Field(examples=["https://login.example.com/realms/staff"])
    """Its issuer, exactly as it names itself. `http` is for loopback alone."""
    client_id: Annotated[str, Field(min_length=1, max_length=200)] = Field(examples=["stockade"])
    """How the provider knows Stockade. The redirect address to enter there is `admin.url` with `/signin/callback`."""
    client_secret: SecretRef = Field(examples=[{"env": "OIDC_SECRET"}])
    """What proves Stockade to it."""
    shown_as: Annotated[str, Field(min_length=1, max_length=40)] = "your company account"
    """Name of the provider on the sign-in page."""
    scopes: Annotated[tuple[str, ...], Field(max_length=20, strict=False)] = ("openid", "profile", "email")
    """Scopes that are asked for."""
    name_claim: _Claim = "preferred_username"
    """Claim that holds the name."""
    roles_claim: _Claim = "groups"
    """Claim that holds groups, a text or a list of texts."""
    roles: Annotated[
        Mapping[str, Literal["viewer", "responder", "editor", "admin"]], Field(min_length=1, max_length=1000)
    ] = Field(examples=[{"api-team": "editor", "on-call": "responder"}])
    """Role of each group; of several the one that may most counts. Whoever is in none may not sign in."""
