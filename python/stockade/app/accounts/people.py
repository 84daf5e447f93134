"""People: invited by a one-time link, listed, changed, disabled. Nobody ever types somebody else's password."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from stockade.app.accounts.principal import Role
from stockade.app.accounts.secrets import check_password, fresh_token, hash_password, hash_token
from stockade.app.clock import Clock
from stockade.core.errors import StockadeError
from stockade.store.control.database import ControlDatabase
from stockade.store.control.tables import INVITATIONS, SESSIONS, TOKENS, USERS

INVITED_US = 24 * 3_600_000_000
"""How long an invitation stands, microseconds."""

MOST = 10_000
"""People and open invitations."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]{0,62}[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True)
class User:
    """One person."""

    name: str
    """Name to sign in with."""
    role: Role
    """Role."""
    disabled: bool
    """Whether nothing of theirs is taken any more."""
    second_factor: bool
    """Whether a code of an authenticator is asked for."""
    password: bool
    """Whether a password was set; without one, by invitation or by the provider alone."""
    created_at: int
    """Microseconds since the epoch."""

    def to_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "name": self.name,
            "role": self.role.value,
            "disabled": self.disabled,
            "second_factor": self.second_factor,
            "password": self.password,
            "created_at": self.created_at,
        }


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an invitation is for."""

    name: str | None
    """Who it is for; None when they choose a name themselves."""
    role: Role
    """The role they get."""
    expires_at: int
    """When it ends, microseconds since the epoch."""


class People:
    """The people of one Stockade.

    Args:
        database: control data.
        clock: microseconds since the epoch.
    """

    def __init__(self, database: ControlDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self) -> list[User]:
        """Everybody, by name."""
        with self._database.read() as connection:
            return [_user(row) for row in connection.execute(sa.select(USERS).order_by(USERS.c.name))]

    def any(self) -> bool:
        """Whether there is anybody."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(USERS.c.name).limit(1)) is not None

    def find(self, name: str) -> User:
        """One person.

        Raises:
            StockadeError: `users.unknown`.
        """
        with self._database.read() as connection:
            row = connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()
        if row is None:
            raise _unknown(name)
        return _user(row)

    def invite(self, name: str | None, role: Role, by: str) -> str:
        """Make a one-time code; for somebody new, or for a new password of somebody known. Their role changes with it.

        Raises:
            StockadeError: it is no name, or there are too many.
        """
        if name is not None:
            _check_name(name)
        code = fresh_token()
        with self._database.change() as connection:
            now = self._clock()
            connection.execute(sa.delete(INVITATIONS).where(INVITATIONS.c.expires_at <= now))
            # A newer invitation of the same person takes the place of those before.
            same = INVITATIONS.c.name.is_(None) if name is None else INVITATIONS.c.name == name
            connection.execute(sa.delete(INVITATIONS).where(same))
            open_ones = connection.scalar(sa.select(sa.func.count()).select_from(INVITATIONS)) or 0
            if open_ones >= MOST:
                raise StockadeError("users.too_many", f"expected at most {MOST} open invitations")
            row = {"hash": hash_token(code), "name": name, "role": role.value}
            connection.execute(sa.insert(INVITATIONS), {**row, "expires_at": now + INVITED_US, "created_by": by[:100]})
        return code

    def invitation(self, code: str) -> Invitation:
        """What a code is for.

        Raises:
            StockadeError: `users.invitation` when it was used, has ended, or never was.
        """
        with self._database.read() as connection:
            return _invitation(connection, code, self._clock())

    def accept(self, code: str, name: str, password: str) -> User:
        """Set a password with a code, which is used up.

        Raises:
            StockadeError: the code is not good, the name is taken, or the password is too easy.
        """
        check_password(password, self.invitation(code).name or name)
        hashed = hash_password(password)
        with self._database.change() as connection:
            now = self._clock()
            invited = _invitation(connection, code, now)
            name = invited.name or name
            _check_name(name)
            connection.execute(sa.delete(INVITATIONS).where(INVITATIONS.c.hash == hash_token(code)))
            known = connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()
            if known is not None and invited.name is None:
                raise StockadeError("users.known", f"expected a new name, got `{name}`, which is taken", None)
            if known is None:
                if (connection.scalar(sa.select(sa.func.count()).select_from(USERS)) or 0) >= MOST:
                    raise StockadeError("users.too_many", f"expected at most {MOST} people")
                row: dict[str, Any] = {"name": name, "role": invited.role.value, "password": hashed, "disabled": False}
                connection.execute(
                    sa.insert(USERS), {**row, "failures": 0, "locked_until": 0, "last_step": 0, "created_at": now}
                )
            else:
                # Whoever lost the password may have lost the second factor with it.
                changed = {"password": hashed, "second_factor": None, "failures": 0, "locked_until": 0}
                connection.execute(sa.update(USERS).where(USERS.c.name == name).values(changed))
                _end(connection, name)
        return self.find(name)

    def arrived(self, provider: str, name: str, role: Role) -> User:
        """Somebody whom a provider knows: new, or with the role that their groups give now.

        Args:
            provider: who they are to it.
            name: what it calls them; taken when they are new.
            role: by their groups.

        Raises:
            StockadeError: they are disabled, or their name is none, or another's.
        """
        with self._database.change() as connection:
            known = connection.execute(sa.select(USERS).where(USERS.c.provider == provider)).one_or_none()
            if known is not None and known.disabled:
                raise StockadeError("signin.wrong", "this account is disabled", None)
            if known is not None:
                name = known.name
                connection.execute(sa.update(USERS).where(USERS.c.name == name).values(role=role.value))
            else:
                _check_name(name)
                if connection.scalar(sa.select(USERS.c.name).where(USERS.c.name == name)) is not None:
                    # A provider must not take over an account that it does not own.
                    raise StockadeError("users.known", f"the name `{name}` belongs to another account", None)
                if (connection.scalar(sa.select(sa.func.count()).select_from(USERS)) or 0) >= MOST:
                    raise StockadeError("users.too_many", f"expected at most {MOST} people")
                row: dict[str, Any] = {"name": name, "role": role.value, "provider": provider, "disabled": False}
                row |= {"failures": 0, "locked_until": 0, "last_step": 0, "created_at": self._clock()}
                connection.execute(sa.insert(USERS), row)
        return self.find(name)

    def change(self, name: str, role: Role | None, disabled: bool | None) -> User:
        """Change a person's role, or take everything of theirs out of force at once.

        Raises:
            StockadeError: there is no such person, or nobody would be left to manage people.
        """
        with self._database.change() as connection:
            row = connection.execute(sa.select(USERS).where(USERS.c.name == name)).one_or_none()
            if row is None:
                raise _unknown(name)
            if (role is not None and role is not Role.ADMIN) or disabled:
                _keep_an_admin(connection, name)
            values: dict[str, Any] = {}
            if role is not None:
                values["role"] = role.value
            if disabled is not None:
                values["disabled"] = disabled
            if values:
                connection.execute(sa.update(USERS).where(USERS.c.name == name).values(values))
            if disabled:
                _end(connection, name)
        return self.find(name)

    def remove(self, name: str) -> None:
        """Take a person out, with sessions and tokens.

        Raises:
            StockadeError: there is no such person, or nobody would be left to manage people.
        """
        with self._database.change() as connection:
            _keep_an_admin(connection, name)
            if not connection.execute(sa.delete(USERS).where(USERS.c.name == name)).rowcount:
                raise _unknown(name)


def _invitation(connection: sa.Connection, code: str, now: int) -> Invitation:
    row = connection.execute(sa.select(INVITATIONS).where(INVITATIONS.c.hash == hash_token(code))).one_or_none()
    if row is None or row.expires_at <= now:
        hint = "ask for a new one: `stockade users invite NAME`; the first starts with `stockade run`"
        raise StockadeError("users.invitation", "expected an invitation that is open and was not used", hint)
    return Invitation(row.name, Role(row.role), row.expires_at)


def _end(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.name == name))
    connection.execute(sa.delete(TOKENS).where(TOKENS.c.name == name))


def _keep_an_admin(connection: sa.Connection, name: str) -> None:
    others = sa.and_(USERS.c.name != name, USERS.c.role == Role.ADMIN.value, USERS.c.disabled.is_(sa.false()))
    is_admin = sa.and_(USERS.c.name == name, USERS.c.role == Role.ADMIN.value)
    count = sa.select(sa.func.count()).select_from(USERS)
    if connection.scalar(count.where(is_admin)) and not connection.scalar(count.where(others)):
        raise StockadeError(
            "users.last_admin", f"expected another admin beside `{name}`, found none", "make somebody else admin first"
        )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise StockadeError(
            "users.name", f"expected a name of 1 to 64 letters, digits and `.`, `_`, `@`, `+`, `-`, got `{name[:80]}`"
        )


def _unknown(name: str) -> StockadeError:
    return StockadeError("users.unknown", f"no user with name `{name[:80]}`", "`stockade users list` shows them all")


def _user(row: Any) -> User:
    return User(
        row.name,
        Role(row.role),
        bool(row.disabled),
        row.second_factor is not None,
        row.password is not None,
        row.created_at,
    )
