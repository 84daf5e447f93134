"""Passwords, kept as scrypt hashes (RFC 7914)."""

import hashlib
import hmac

# Low for a service that has many; a sample has to start fast on a small machine.
_COST = {"n": 2**12, "r": 8, "p": 1}


def hash_password(password: str, salt: bytes) -> str:
    """`salt$hash` in hexadecimal.

    Args:
        password: the password.
        salt: 16 random bytes.
    """
    digest = hashlib.scrypt(password.encode(), salt=salt, dklen=32, **_COST)
    return f"{salt.hex()}${digest.hex()}"


def is_password(password: str, stored: str) -> bool:
    """Whether a password is the one that was hashed; takes as long when it is not."""
    salt, _, _ = stored.partition("$")
    return hmac.compare_digest(hash_password(password, bytes.fromhex(salt)), stored)
