"""The `access` of an API: who may do what."""

from typing import Annotated

from pydantic import Field

from stockade.config.section import Section
from stockade.config.selector import Selector
from stockade.config.values import Name, PathGlob

_Texts = Annotated[tuple[str, ...], Field(max_length=1000, strict=False)]


class AdminAccess(Section):
    """Operations for administrators: denied to everybody but these roles. Empty `tags` and `paths` turn it off."""

    tags: _Texts = ("admin",)
    """Operations with one of these tags."""
    paths: Annotated[tuple[PathGlob, ...], Field(max_length=1000, strict=False)] | None = Field(
        default=None, examples=[["/admin/**"]]
    )
    """And operations below these paths. Default: `/admin` below the base path."""
    roles: _Texts = Field(default=(), examples=[["admin"]])
    """Roles that may call them; with none, nobody may unless a rule permits it."""
    scopes: _Texts = ()
    """Scopes that the caller must have too."""


class AccessRule(Selector):
    """Permits some callers some operations. An operation that any rule selects is denied to all others."""

    name: Name = Field(examples=["refunds"])
    """Name in events."""
    roles: _Texts = Field(default=(), examples=[["support"]])
    """The caller must have one of these."""
    scopes: _Texts = ()
    """The caller must have all of these."""


class Access(Section):
    """Who may do what. Operations that no rule selects are open to whoever identity let pass."""

    admin: AdminAccess | None = None
    """Operations for administrators. Default, when identity has methods: those tagged `admin` or below `/admin`
    are denied to everybody unless a rule permits them."""
    rules: Annotated[tuple[AccessRule, ...], Field(max_length=10_000, strict=False)] = ()
    """Rules; all lists of a rule that are not empty must fit."""
