"""The `identity` of an API: who is calling."""

from typing import Annotated

from pydantic import Field

from stockade.config.identity.hand_on import HandOn
from stockade.config.identity.method import Method
from stockade.config.identity.place import COOKIE_OR_PARAMETER
from stockade.config.identity.route import IdentityRoute
from stockade.config.section import Section
from stockade.config.selector import Selector


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
    routes: Annotated[tuple[IdentityRoute, ...], Field(max_length=1000, strict=False)] = Field(
        default=(), examples=[[{"paths": ["/partners/**"], "by": ["partner"]}]]
    )
    """Operations with methods of their own, in their own order; the first entry that selects a request counts, and
    neither `required` nor `anonymous` do then."""
    session_cookies: Annotated[
        tuple[Annotated[str, Field(pattern=COOKIE_OR_PARAMETER)], ...], Field(max_length=20, strict=False)
    ] = Field(default=(), examples=[["sid"]])
    """Cookies that stand for the caller's session; the first that is there is kept in events, as a hash, and limits and
    decisions can be by `session`. A token's `sid` comes first."""
    strip_credential: bool = False
    """Whether the credential is taken out before the request is forwarded."""
    hand_on: HandOn | None = None
    """How the upstream is told who is calling."""

    @property
    def is_required(self) -> bool:
        """`required`, with its default filled in."""
        return bool(self.methods) if self.required is None else self.required
