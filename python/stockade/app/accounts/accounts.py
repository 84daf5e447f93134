"""Everything about accounts in one place."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from pathlib import Path

from stockade.app.accounts.people import People
from stockade.app.accounts.principal import Principal, Proof, Role
from stockade.app.accounts.sealed_column import SealedColumn
from stockade.app.accounts.sessions import Lifetimes, Sessions
from stockade.app.accounts.tokens import Tokens
from stockade.app.clock import Clock
from stockade.store.control.database import ControlDatabase


class Accounts:
    """People, sessions and tokens of one Stockade.

    Args:
        database: control data, up to date.
        keys: folder of keys.
        environment: variables.
        clock: microseconds since the epoch.
        lifetimes: how long sessions live.
    """

    def __init__(
        self,
        database: ControlDatabase,
        keys: Path,
        environment: Mapping[str, str],
        clock: Clock,
        lifetimes: Lifetimes | None = None,
    ) -> None:
        self.people = People(database, clock)
        self.sessions = Sessions(database, SealedColumn("second_factor", keys, environment), clock, lifetimes)
        self.tokens = Tokens(database, clock)

    def bearer(self, token: str, owner_token: str, acting: str) -> Principal | None:
        """Whom a bearer token stands for.

        Args:
            token: what was sent.
            owner_token: the token in the data folder.
            acting: who runs the command, as they say; believed of the folder's owner alone.
        """
        if hmac.compare_digest(token.encode(), owner_token.encode()):
            return Principal(acting[:100] or "owner", Role.ADMIN, Proof.OWNER)
        return self.tokens.principal(token)
