"""Passwords, second factors and random tokens: made, hashed and compared.

Passwords are hashed with argon2id (RFC 9106, second recommended setting: 64 MiB, three passes, four lanes). Tokens are
256 random bits, so SHA-256 is enough to keep them.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from stockade.core.errors import StockadeError

SHORTEST, LONGEST = 12, 256
"""Letters of a password (NIST SP 800-63B: length, and no rules of composition)."""

STEP_S = 30
"""Seconds for which one code of a second factor stands (RFC 6238)."""

_COMMON = frozenset(
    {"password", "passwort", "stockade", "qwertyuiop", "123456789012", "letmein", "changeme", "welcome"}
)
_AT_ONCE = threading.BoundedSemaphore(2)
"""Each hash takes 64 MiB: many who knock at once must not take all memory."""


def check_password(password: str, name: str) -> None:
    """Refuse a password that is too easy to guess.

    Raises:
        StockadeError: `users.password` with what is expected.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise StockadeError(
            "users.password",
            f"expected a password of {SHORTEST} to {LONGEST} characters, got {len(password)}",
            "several words that only you would put together are easy to keep",
        )
    plain = password.lower()
    guessable = len(set(plain)) < 5 or any(plain.replace(common, "") in ("", plain[-1:]) for common in _COMMON)
    if guessable or (name and plain.replace(name.lower(), "").strip("0123456789!.-_") == ""):
        raise StockadeError("users.password", "expected a password that is hard to guess", "take several unusual words")


def hash_password(password: str) -> str:
    """The argon2id text of a password, with its settings and salt."""
    with _AT_ONCE:
        made = Argon2id(salt=os.urandom(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
        return str(made.derive_phc_encoded(password.encode()))


def is_password(password: str, hashed: str | None) -> bool:
    """Whether a password is the hashed one; takes as long when there is none to compare with."""
    with _AT_ONCE:
        try:
            Argon2id.verify_phc_encoded(password[:LONGEST].encode(), hashed or _nobody())
        except (InvalidKey, ValueError):
            return False
    return hashed is not None


def fresh_token() -> str:
    """256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """What is kept of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).hexdigest()


def fresh_factor() -> str:
    """A key for a second factor, in base 32 as authenticator programs take it."""
    return base64.b32encode(os.urandom(20)).decode()


def used_step(factor: str, code: str, now_s: int, after: int) -> int | None:
    """The time step that a code belongs to; None when it is wrong, or not newer than one that was used.

    Args:
        factor: key in base 32.
        code: six digits.
        now_s: seconds since the epoch; one step before and after it also count.
        after: newest step that was used: a code that was looked at over a shoulder cannot be used again.
    """
    if len(code) != 6 or not code.isascii() or not code.isdigit():
        return None
    # Authenticator programs know SHA-1 alone; as HMAC it is sound.
    made = HOTP(base64.b32decode(factor), 6, SHA1())  # noqa: S303
    for step in (now_s // STEP_S + shift for shift in (-1, 0, 1)):
        if secrets.compare_digest(made.generate(step), code.encode()) and step > after:
            return step
    return None


def factor_link(factor: str, name: str) -> str:
    """The link that authenticator programs take in."""
    return f"otpauth://totp/Stockade:{name}?secret={factor}&issuer=Stockade&algorithm=SHA1&digits=6&period={STEP_S}"


_NOBODY: list[str] = []


def _nobody() -> str:
    """The hash of a password that nobody has."""
    if not _NOBODY:
        made = Argon2id(salt=os.urandom(16), length=32, iterations=3, lanes=4, memory_cost=64 * 1024)
        _NOBODY.append(str(made.derive_phc_encoded(os.urandom(32))))
    return _NOBODY[0]
