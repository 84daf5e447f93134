"""Sealed values: AES-256-GCM (NIST SP 800-38D) under a data key of their own, wrapped by a key-encryption key.

The text that a value is sealed for is authenticated with it: a sealed value that is moved to another place, or taken
from an older copy of another entry, does not open.
"""

import base64
import binascii
import os
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stockade.core.errors import StockadeError

KEY_BYTES = 32
"""Length of every key here."""

_NONCE_BYTES = 12
_WRAPPED_BYTES = _NONCE_BYTES + KEY_BYTES + 16


@dataclass(frozen=True, slots=True, repr=False)
class WrappingKey:
    """A key-encryption key."""

    id: str
    """Its name, which tells nothing about it."""
    secret: bytes
    """The key, 32 bytes."""

    def __repr__(self) -> str:
        """Its name alone."""
        return f"WrappingKey({self.id!r})"


@dataclass(frozen=True, slots=True, repr=False)
class Sealed:
    """One sealed value."""

    key_id: str
    """Name of the key-encryption key."""
    data_key: bytes
    """The data key, wrapped: nonce, ciphertext, tag."""
    content: bytes
    """The value: nonce, ciphertext, tag."""

    def to_json(self) -> dict[str, str]:
        """The sealed value as a JSON object."""
        return {"key": self.key_id, "data_key": _text(self.data_key), "content": _text(self.content)}

    @classmethod
    def from_json(cls, value: Any) -> "Sealed":
        """Read a sealed value.

        Raises:
            StockadeError: `crypto.form` when it is none.
        """
        try:
            sealed = cls(str(value["key"]), _bytes(value["data_key"]), _bytes(value["content"]))
        except (TypeError, KeyError, ValueError, binascii.Error) as error:
            raise _no_form() from error
        if len(sealed.data_key) != _WRAPPED_BYTES or len(sealed.content) < _NONCE_BYTES + 16:
            raise _no_form()
        return sealed


def seal(value: bytes, key: WrappingKey, place: str) -> Sealed:
    """Seal a value under a fresh data key.

    Args:
        value: any bytes.
        key: wraps the data key.
        place: what it is sealed for; the same text opens it.
    """
    data_key = AESGCM.generate_key(KEY_BYTES * 8)
    return Sealed(key.id, encrypt(key.secret, data_key, f"key\0{place}"), encrypt(data_key, value, f"value\0{place}"))


def open_sealed(sealed: Sealed, key: WrappingKey, place: str) -> bytes:
    """The value that was sealed.

    Raises:
        StockadeError: `crypto.sealed` when the key is another, the place is another, or a bit was changed.
    """
    data_key = decrypt(key.secret, sealed.data_key, f"key\0{place}")
    return decrypt(data_key, sealed.content, f"value\0{place}")


def encrypt(key: bytes, value: bytes, place: str | bytes) -> bytes:
    """Nonce, ciphertext and tag of a value under one key."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, _as_bytes(place))


def decrypt(key: bytes, content: bytes, place: str | bytes) -> bytes:
    """What `encrypt` was given.

    Raises:
        StockadeError: `crypto.sealed` when it does not open.
    """
    try:
        return AESGCM(key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], _as_bytes(place))
    except (InvalidTag, ValueError) as error:
        message = "expected a value sealed under this key, got one of another key, another place, or a changed one"
        hint = "put back the key file that belongs to it, or set the value anew"
        raise StockadeError("crypto.sealed", message, hint) from error


def _as_bytes(place: str | bytes) -> bytes:
    return place.encode() if isinstance(place, str) else place


def _no_form() -> StockadeError:
    return StockadeError("crypto.form", "expected a sealed value: `key`, `data_key` and `content`", None)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(value: str) -> bytes:
    return base64.b64decode(value, validate=True)
