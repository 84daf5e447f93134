"""API keys as the command line uses them: every change is in the audit log, and a revocation counts at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stockade.app.acting import acting_user
from stockade.app.admin_client import AdminClient
from stockade.app.clock import wall_clock
from stockade.app.decisions import Decisions
from stockade.app.errors import StockadeError
from stockade.app.gateway_link import GatewayLink
from stockade.app.plans import plan_in_force
from stockade.model.decision import DecisionAction
from stockade.prevent.identity import api_keys, signing_key
from stockade.prevent.identity.api_keys import KeyStore, ManagedKey
from stockade.respond.actions.decide import LONGEST_S
from stockade.store.audit import AuditLog
from stockade.store.decisions import DecisionStore
from stockade.store.folder import DataFolder


@dataclass(frozen=True, slots=True)
class Issued:
    """A key that was made; the key itself is told this once."""

    key: ManagedKey
    """What is kept of it."""
    secret: str
    """The key."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A key, and its use as far as events are kept."""

    key: ManagedKey
    """The key."""
    last_used: int | None
    """When it was last shown, microseconds since the epoch."""
    exchanges: int
    """How often."""


class KeyDesk:
    """Makes, rotates, lists and revokes the keys of one data folder.

    Args:
        data: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._folder = DataFolder(data)
        self._store = KeyStore(data)
        self._audit = AuditLog(self._folder.audit)

    def create(
        self, subject: str, method: str, roles: tuple[str, ...], scopes: tuple[str, ...], expires_at: int | None
    ) -> Issued:
        """Make a key.

        Args:
            subject: who it stands for.
            method: name of the `api_key` methods that take it.
            roles: roles.
            scopes: scopes.
            expires_at: when it ends, microseconds since the epoch.

        Raises:
            StockadeError: `keys.method` when no method takes keys of this folder.
        """
        secret, digest = api_keys.make(self._prefix(method))
        now = wall_clock()
        key = ManagedKey(f"key_{secrets.token_hex(6)}", method, digest, subject, now, roles, scopes, expires_at)
        self._audit.append(now, acting_user(), "keys.create", key.id, f"for {subject}")
        self._store.create(key)
        return Issued(key, secret)

    def rotate(self, key_id: str, overlap_s: int) -> Issued:
        """Make another key in the place of one, which goes on for so many seconds.

        Raises:
            StockadeError: there is no such key, or it has ended.
        """
        now = wall_clock()
        method = next((key.method for key in self._store.all() if key.id == key_id), None)
        secret, digest = api_keys.make(self._prefix(method) if method else "")
        self._audit.append(now, acting_user(), "keys.rotate", key_id, f"overlap of {overlap_s} s")
        key = self._store.change(key_id, lambda key: api_keys.rotated(key, digest, now, overlap_s * 1_000_000))
        return Issued(key, secret)

    def revoke(self, key_id: str, reason: str) -> bool:
        """Take a key back; whether a gateway has been told already. Without one, the next that starts knows.

        Raises:
            StockadeError: there is no such key.
        """
        now = wall_clock()
        self._audit.append(now, acting_user(), "keys.revoke", key_id, reason)
        self._store.change(key_id, lambda key: replace(key, revoked_at=key.revoked_at or now))
        # The next bundle is without it; until then, and where control does not run, a decision stops it.
        return self._block(key_id, reason)

    def list(self) -> list[Listed]:
        """Every key with its last use."""
        keys = self._store.all()
        uses = self._uses() if keys else {}
        return [Listed(key, *uses.get(key.id, (None, 0))) for key in keys]

    def identity(self) -> dict[str, Any]:
        """The keys that sign identities for upstreams, as a JWK Set.

        Raises:
            StockadeError: `keys.identity` when none was made.
        """
        keys = signing_key.public_keys(self._folder.path)
        if not keys["keys"]:
            hint = "set `identity.hand_on.signed` and start Stockade once"
            raise StockadeError("keys.identity", "expected a key that signs identities, found none", hint)
        return keys

    def _prefix(self, method: str) -> str:
        for api in plan_in_force(self._folder)["apis"]:
            for known in api["identity"]["methods"]:
                if known["kind"] == "api_key" and known["name"] == method and known.get("managed"):
                    return str(known.get("prefix", ""))
        hint = "set `managed: true` in an `api_key` method of that name, and start Stockade once"
        raise StockadeError("keys.method", f"expected the name of a method that takes these keys, got `{method}`", hint)

    def _block(self, key_id: str, reason: str) -> bool:
        asked = {"selector": {"key": key_id}, "reason": f"key revoked: {reason}"}
        try:
            body = {**asked, "action": "block", "expires_in": f"{LONGEST_S}s"}
            return bool(AdminClient(self._folder.path).ask("POST", "/api/v1/decisions", body)["enforced"])
        except StockadeError:
            link, store = GatewayLink(self._folder.socket), DecisionStore(self._folder.decisions)
            taken = Decisions(store, link, list, wall_clock).take(
                {"key": key_id}, DecisionAction.BLOCK, str(asked["reason"]), LONGEST_S, preview=False
            )
            return taken.enforced

    def _uses(self) -> dict[str, tuple[int | None, int]]:
        from stockade.app.asking import database

        try:
            rows = database(self._folder.path).ask("key_uses", {}).dicts()
        except StockadeError:
            return {}
        return {str(row["key"]): (row["last_seen"], int(row["exchanges"])) for row in rows}
