"""Tokens of the admin API that people make for their programs: shown once, kept as SHA-256, limited to scopes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stockade.app.accounts.principal import Principal, Proof, Right, Role, scopes_of
from stockade.app.accounts.secrets import fresh_token, hash_token
from stockade.app.clock import Clock
from stockade.core.errors import StockadeError
from stockade.store.control.database import ControlDatabase
from stockade.store.control.tables import TOKENS, USERS

PREFIX = "stockade_"
"""What every token begins with, so that searches for leaked secrets find them."""

MOST_EACH = 100
"""Tokens of one person."""

LONGEST_S = 10 * 366 * 86_400
"""Longest life of a token, seconds."""

USED_EVERY_US = 60_000_000
"""How often it is written that a token was used, microseconds."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What may be known of a token."""

    id: str
    """Its id, which tells nothing about it."""
    name: str
    """Whose it is."""
    label: str
    """What it is for."""
    scopes: tuple[str, ...]
    """What it may do, as far as its owner may."""
    created_at: int
    """Microseconds since the epoch."""
    expires_at: int | None
    """When it ends; never when None."""
    used_at: int | None
    """When it was last used, to the minute; never when None."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "id": self.id,
            "name": self.name,
            "label": self.label,
            "scopes": list(self.scopes),
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "used_at": self.used_at,
        }


class Tokens:
    """The tokens of one Stockade.

    Args:
        database: control data.
        clock: microseconds since the epoch.
    """

    def __init__(self, database: ControlDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self, name: str | None = None) -> list[TokenFacts]:
        """Tokens of a person, or of everybody; the newest first."""
        wanted = sa.select(TOKENS).order_by(TOKENS.c.created_at.desc())
        with self._database.read() as connection:
            rows = connection.execute(wanted if name is None else wanted.where(TOKENS.c.name == name))
            return [_facts(row) for row in rows]

    def make(self, name: str, label: str, scopes: frozenset[Right], expires_in_s: int | None) -> tuple[str, TokenFacts]:
        """Make a token for a person.

        Returns:
            The token, which cannot be shown again, and its facts.

        Raises:
            StockadeError: there is no such person, or they have too many.
        """
        if expires_in_s is not None and not 60 <= expires_in_s <= LONGEST_S:
            raise StockadeError("tokens.expires", "expected an end in 1 minute to 10 years", "such as `90d`")
        token, now = PREFIX + fresh_token(), self._clock()
        with self._database.change() as connection:
            if connection.scalar(sa.select(USERS.c.name).where(USERS.c.name == name)) is None:
                raise StockadeError("users.unknown", f"no user with name `{name[:80]}`", None)
            mine = sa.select(sa.func.count()).select_from(TOKENS).where(TOKENS.c.name == name)
            if (connection.scalar(mine) or 0) >= MOST_EACH:
                raise StockadeError("tokens.too_many", f"expected at most {MOST_EACH} tokens a person", "revoke some")
            row = {
                "id": f"t-{secrets.token_hex(6)}",
                "hash": hash_token(token),
                "name": name,
                "label": label,
                "scopes": " ".join(sorted(scopes)),
                "created_at": now,
                "expires_at": None if expires_in_s is None else now + expires_in_s * 1_000_000,
                "used_at": None,
            }
            connection.execute(sa.insert(TOKENS), row)
        return token, next(facts for facts in self.all(name) if facts.id == row["id"])

    def revoke(self, token_id: str, name: str | None) -> None:
        """Take a token out of force.

        Args:
            token_id: its id.
            name: whose it must be; anybody's when None.

        Raises:
            StockadeError: `tokens.unknown`.
        """
        which = [TOKENS.c.id == token_id, *([TOKENS.c.name == name] if name is not None else [])]
        with self._database.change() as connection:
            if not connection.execute(sa.delete(TOKENS).where(*which)).rowcount:
                raise StockadeError("tokens.unknown", f"no token with id `{token_id[:40]}`", "`stockade tokens list`")

    def principal(self, token: str) -> Principal | None:
        """Whom a token stands for; None when it is none, has ended, or they are disabled."""
        if not token.startswith(PREFIX):
            return None
        joined = sa.select(TOKENS, USERS.c.role, USERS.c.disabled).join(USERS, USERS.c.name == TOKENS.c.name)
        now, hashed = self._clock(), hash_token(token)
        with self._database.read() as connection:
            row = connection.execute(joined.where(TOKENS.c.hash == hashed)).one_or_none()
        if row is None or row.disabled or (row.expires_at is not None and row.expires_at <= now):
            return None
        if row.used_at is None or now > row.used_at + USED_EVERY_US:
            with self._database.change() as connection:
                connection.execute(sa.update(TOKENS).where(TOKENS.c.id == row.id).values(used_at=now))
        return Principal(row.name, Role(row.role), Proof.TOKEN, scopes_of(row.scopes.split()), key=row.id)


def _facts(row: Any) -> TokenFacts:
    scopes = tuple(row.scopes.split())
    return TokenFacts(row.id, row.name, row.label, scopes, row.created_at, row.expires_at, row.used_at)
