"""The key of tokens, kept in the vault; and the values behind tokens, which the audit log tells who asked for."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from stockade.app.acting import acting_user
from stockade.app.clock import wall_clock
from stockade.app.errors import StockadeError
from stockade.config import Config
from stockade.core import tokens
from stockade.prevent.crypto.vault import Vault
from stockade.store.audit import AuditLog
from stockade.store.folder import DataFolder

ENTRY = "stockade.tokens"
"""Entry of the vault that holds the key: 64 hexadecimal digits. Gateways that share it make the same tokens."""


def ensure_key(config: Config) -> str | None:
    """The key of tokens, made when a rule needs one and there is none; None when no rule makes tokens.

    Raises:
        StockadeError: the vault cannot be opened, or the entry is no key.
    """
    if not any(api.protect.makes_tokens for api in config.apis.values()):
        return None
    vault = Vault(config.data, os.environ)
    if ENTRY not in {entry.name for entry in vault.entries()}:
        vault.set(ENTRY, secrets.token_hex(tokens.KEY_BYTES), wall_clock())
    return _checked(vault.get(ENTRY))


def reveal(data: Path, token: str, reason: str) -> str:
    """The value behind a token, once the audit log says who asked and why.

    Raises:
        StockadeError: `tokens.none` when no token has that shape, or the vault cannot be opened.
    """
    key = _checked(Vault(data, os.environ).get(ENTRY))
    value = tokens.reveal(bytes.fromhex(key), token)
    if value is None:
        hint = "a token has the length of its value: 6 digits or 5 letters at least"
        raise StockadeError("tokens.none", f"expected a token, got `{token[:80]}`", hint)
    AuditLog(DataFolder(data).audit).append(wall_clock(), acting_user(), "tokens.reveal", token, reason)
    return value


def _checked(key: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        hint = "make one with `openssl rand -hex 32`; tokens under the present one cannot be read then"
        raise StockadeError("tokens.key", f"expected 64 hexadecimal digits in the entry `{ENTRY}` of the vault", hint)
    return key
