"""Who asks, and what roles and scopes let them do. The order of roles is the one place that says who may more."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from stockade.core.errors import StockadeError


class Right(StrEnum):
    """What an operation asks for."""

    OPEN = "open"
    """Nothing: anybody may, signed in or not."""
    SELF = "self"
    """Somebody who is signed in, for their own account."""
    READ = "read"
    """Look at everything but accounts."""
    DECIDE = "decide"
    """Take and undo decisions."""
    EDIT = "edit"
    """Change the policy."""
    MANAGE = "manage"
    """Accounts of other people."""


class Role(StrEnum):
    """What a person is there for; each may also do what those before it may."""

    VIEWER = "viewer"
    """Looks."""
    RESPONDER = "responder"
    """Blocks and lets pass, until a moment."""
    EDITOR = "editor"
    """Changes the policy."""
    ADMIN = "admin"
    """Says who may do what."""


RIGHTS_OF = {
    Role.VIEWER: frozenset({Right.OPEN, Right.SELF, Right.READ}),
    Role.RESPONDER: frozenset({Right.OPEN, Right.SELF, Right.READ, Right.DECIDE}),
    Role.EDITOR: frozenset({Right.OPEN, Right.SELF, Right.READ, Right.DECIDE, Right.EDIT}),
    Role.ADMIN: frozenset(Right),
}
"""What each role may do."""

SCOPES = (Right.READ, Right.DECIDE, Right.EDIT, Right.MANAGE)
"""What a token may be limited to."""


class Proof(StrEnum):
    """How it is known who asks."""

    OWNER = "owner"
    """The token in the data folder: whoever can read it owns the folder."""
    SESSION = "session"
    """A browser that signed in."""
    TOKEN = "token"  # noqa: S105
    """A token that a person made."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks."""

    name: str
    """Name, as the audit log writes it."""
    role: Role
    """Role."""
    proof: Proof
    """How that is known."""
    scopes: frozenset[Right] | None = None
    """What a token is limited to; None for no limit."""
    csrf: str = ""
    """What a browser must send with every change, to show that a page of ours made it."""
    key: str = ""
    """Which session or token it is: the hash of the one, the id of the other."""
    signed_in_at: int = 0
    """When the password was last given, microseconds since the epoch; 0 without a session."""

    def may(self, right: Right) -> bool:
        """Whether an operation that asks for this right is allowed."""
        if right is Right.OPEN:
            return True
        allowed = right in RIGHTS_OF[self.role]
        return allowed and (self.scopes is None or right in self.scopes or right is Right.SELF)


def role_of(text: str) -> Role:
    """The role of a name.

    Raises:
        StockadeError: there is none.
    """
    try:
        return Role(text)
    except ValueError:
        raise StockadeError("users.role", f"expected one of {', '.join(Role)} as role, got `{text[:40]}`") from None


def scopes_of(texts: list[str]) -> frozenset[Right]:
    """The scopes of some names.

    Raises:
        StockadeError: one of them is none, or there are none.
    """
    known = {str(scope): scope for scope in SCOPES}
    for text in texts:
        if text not in known:
            raise StockadeError("tokens.scope", f"expected some of {', '.join(SCOPES)} as scopes, got `{text[:40]}`")
    if not texts:
        raise StockadeError("tokens.scope", f"expected some of {', '.join(SCOPES)} as scopes, got none")
    return frozenset(known[text] for text in texts)
