"""Signing in and out: passwords, second factors, sessions, and what keeps others from guessing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stockade.app.accounts.principal import Principal, Proof, Role
from stockade.app.accounts.sealed_column import SealedColumn
from stockade.app.accounts.secrets import (
    check_password,
    fresh_factor,
    fresh_token,
    hash_password,
    hash_token,
    is_password,
    used_step,
)
from stockade.app.clock import Clock
from stockade.core.errors import StockadeError
from stockade.store.control.database import ControlDatabase
from stockade.store.control.tables import SESSIONS, USERS

FREE_FAILURES = 4
"""Wrong passwords in a row before one has to wait."""

LONGEST_WAIT_S = 900
"""Longest that one has to wait; never for ever, so that nobody can lock others out."""

SEEN_EVERY_US = 60_000_000
"""How often it is written that a session was used, microseconds."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long a session lives."""

    idle_us: int = 3600 * 1_000_000
    """Without being used, microseconds."""
    absolute_us: int = 12 * 3600 * 1_000_000
    """At most."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session."""

    token: str
    """What the browser keeps in its cookie."""
    principal: Principal
    """Who it is."""


class Sessions:
    """The sessions of one Stockade.

    Args:
        database: control data.
        factors: opens and seals second factors.
        clock: microseconds since the epoch.
        lifetimes: how long sessions live.
    """

    def __init__(
        self, database: ControlDatabase, factors: SealedColumn, clock: Clock, lifetimes: Lifetimes | None = None
    ) -> None:
        self._database = database
        self._factors = factors
        self._clock = clock
        self._lifetimes = lifetimes or Lifetimes()

    def sign_in(self, name: str, password: str, code: str, agent: str, before: str | None = None) -> SignedIn:
        """Begin a session.

        Args:
            name: who.
            password: theirs.
            code: of their authenticator, when they have one; else anything.
            agent: what the browser calls itself.
            before: token of the session so far, which ends.

        Raises:
            StockadeError: `signin.wrong`, without saying what of it was; `signin.code` when only the code is missing;
                `signin.wait` after many failures.
        """
        now = self._clock()
        with self._database.read() as connection:
            row = connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()
        if row is not None and row.locked_until > now:
            wait = (row.locked_until - now) // 1_000_000 + 1
            raise StockadeError("signin.wait", f"too many wrong attempts; wait {wait} s", None)
        good = is_password(password, row.password if row is not None else None)
        if row is None or not good or row.disabled:
            if row is not None and not good:
                self._failed(name, now)
            raise _wrong()
        step: int | None = None
        if row.second_factor is not None:
            if not code:
                raise StockadeError("signin.code", "expected the code of your authenticator", None)
            step = used_step(self._factors.open(row.second_factor, name), code, now // 1_000_000, row.last_step)
            if step is None:
                self._failed(name, now)
                raise _wrong()
        with self._database.change() as connection:
            values = {"failures": 0, "locked_until": 0, **({} if step is None else {"last_step": step})}
            # Of two who use the same code at the same moment, one is too late.
            unused = USERS.c.last_step < step if step is not None else sa.true()
            if not connection.execute(sa.update(USERS).where(USERS.c.name == name, unused).values(values)).rowcount:
                raise _wrong()
            if before:
                connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.hash == hash_token(before)))
            return self._begin(connection, name, Role(row.role), agent, now)

    def begin(self, name: str, role: Role, agent: str) -> SignedIn:
        """Begin a session of somebody who proved who they are in another way: by an invitation, or at a provider."""
        with self._database.change() as connection:
            return self._begin(connection, name, role, agent, self._clock())

    def principal(self, token: str) -> Principal | None:
        """Who has this session; None when it has ended, or they are disabled."""
        now, hashed = self._clock(), hash_token(token)
        joined = sa.select(SESSIONS, USERS.c.role, USERS.c.disabled).join(USERS, USERS.c.name == SESSIONS.c.name)
        with self._database.read() as connection:
            row = connection.execute(joined.where(SESSIONS.c.hash == hashed)).one_or_none()
        if row is None or row.disabled:
            return None
        if now > row.seen_at + self._lifetimes.idle_us or now > row.created_at + self._lifetimes.absolute_us:
            self.end(hashed)
            return None
        if now > row.seen_at + min(SEEN_EVERY_US, self._lifetimes.idle_us // 4):
            with self._database.change() as connection:
                connection.execute(sa.update(SESSIONS).where(SESSIONS.c.hash == hashed).values(seen_at=now))
        return Principal(
            row.name, Role(row.role), Proof.SESSION, csrf=row.csrf, key=hashed, signed_in_at=row.created_at
        )

    def end(self, key: str) -> None:
        """End one session, by the hash of its token."""
        with self._database.change() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.hash == key))

    def of(self, name: str) -> list[dict[str, Any]]:
        """The sessions of a person, the newest first."""
        with self._database.read() as connection:
            found = sa.select(SESSIONS).where(SESSIONS.c.name == name).order_by(SESSIONS.c.created_at.desc())
            return [
                {"key": row.hash, "created_at": row.created_at, "seen_at": row.seen_at, "agent": row.agent}
                for row in connection.execute(found)
            ]

    def clean(self) -> None:
        """Forget sessions that have ended."""
        now = self._clock()
        ended = sa.or_(
            SESSIONS.c.seen_at < now - self._lifetimes.idle_us,
            SESSIONS.c.created_at < now - self._lifetimes.absolute_us,
        )
        with self._database.change() as connection:
            connection.execute(sa.delete(SESSIONS).where(ended))

    def change_password(self, principal: Principal, old: str, new: str) -> None:
        """Change one's own password; every other session of theirs ends.

        Raises:
            StockadeError: the old one is wrong, or the new one too easy.
        """
        check_password(new, principal.name)
        self._check(principal.name, old)
        hashed = hash_password(new)
        with self._database.change() as connection:
            connection.execute(sa.update(USERS).where(USERS.c.name == principal.name).values(password=hashed))
            others = sa.and_(SESSIONS.c.name == principal.name, SESSIONS.c.hash != principal.key)
            connection.execute(sa.delete(SESSIONS).where(others))

    def set_second_factor(self, principal: Principal, password: str, factor: str, code: str) -> None:
        """Ask for codes of an authenticator from now on.

        Raises:
            StockadeError: the password is wrong, or the code is not one of this key.
        """
        self._check(principal.name, password)
        try:
            step = used_step(factor, code, self._clock() // 1_000_000, 0)
        except ValueError:
            step = None
        if step is None:
            hint = "look whether the clock of the device is right"
            raise StockadeError("signin.code", "expected the code that your authenticator shows now", hint)
        values = {"second_factor": self._factors.seal(factor, principal.name), "last_step": step}
        with self._database.change() as connection:
            connection.execute(sa.update(USERS).where(USERS.c.name == principal.name).values(values))

    def remove_second_factor(self, principal: Principal, password: str) -> None:
        """Ask for no more codes.

        Raises:
            StockadeError: the password is wrong.
        """
        self._check(principal.name, password)
        with self._database.change() as connection:
            connection.execute(
                sa.update(USERS).where(USERS.c.name == principal.name).values(second_factor=None, last_step=0)
            )

    @staticmethod
    def fresh_factor() -> str:
        """A key to show; nothing is kept before a code of it was given."""
        return fresh_factor()

    def _begin(self, connection: sa.Connection, name: str, role: Role, agent: str, now: int) -> SignedIn:
        token, csrf = fresh_token(), fresh_token()
        hashed = hash_token(token)
        row = {"hash": hashed, "name": name, "csrf": csrf, "created_at": now, "seen_at": now}
        connection.execute(sa.insert(SESSIONS), {**row, "agent": agent[:200]})
        return SignedIn(token, Principal(name, role, Proof.SESSION, csrf=csrf, key=hashed, signed_in_at=now))

    def _check(self, name: str, password: str) -> None:
        now = self._clock()
        with self._database.read() as connection:
            row = connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()
        if row is not None and row.locked_until > now:
            raise StockadeError("signin.wait", "too many wrong attempts; wait a little", None)
        if not is_password(password, row.password if row is not None else None):
            self._failed(name, now)
            raise StockadeError("signin.password", "expected your password", None)

    def _failed(self, name: str, now: int) -> None:
        with self._database.change() as connection:
            failures = connection.scalar(sa.select(USERS.c.failures).where(USERS.c.name == name)) or 0
            over = failures + 1 - FREE_FAILURES
            wait_s = min(LONGEST_WAIT_S, 2 ** min(over + 1, 12)) if over > 0 else 0
            values = {"failures": failures + 1, "locked_until": now + wait_s * 1_000_000 if wait_s else 0}
            connection.execute(sa.update(USERS).where(USERS.c.name == name).values(values))


def _wrong() -> StockadeError:
    return StockadeError("signin.wrong", "name, password or code are wrong", None)
