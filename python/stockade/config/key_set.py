"""JWK Sets (RFC 7517): read, and checked for what a verifier needs."""

import base64
import binascii
import json
from pathlib import Path
from typing import Any

_LARGEST_FILE = 1024 * 1024
_MOST_KEYS = 1000
_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "oct": ("k",)}
_CURVES = {"ES256": "P-256", "ES384": "P-384"}
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP", "HS": "oct"}
_LEAST_RSA_BYTES = 256


class KeySetError(Exception):
    """A key set that cannot be used."""

    def __init__(self, expected: str, hint: str | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint


def read_key_set(file: Path) -> dict[str, Any]:
    """Read a JWK Set from a file.

    Returns:
        `{"keys": [...]}`, each key with its members as they stand.

    Raises:
        KeySetError: the file is missing, is not a JWK Set, or holds a private or too short key.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_FILE + 1)
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise KeySetError(f"expected a JWK Set that can be read ({reason})", f"looked for {file}") from error
    return parse_key_set(data)


def parse_key_set(data: bytes) -> dict[str, Any]:
    """Read a JWK Set from its text.

    Returns:
        `{"keys": [...]}`, each key with its members as they stand.

    Raises:
        KeySetError: it is not a JWK Set, or holds a private or too short key.
    """
    keys = shape(data)
    for index, key in enumerate(keys):
        _check_key(index, key)
    return {"keys": keys}


def usable_keys(data: bytes) -> dict[str, Any]:
    """What can be used of a JWK Set that somebody else keeps: other keys are passed over (RFC 7517 5).

    Raises:
        KeySetError: it is not a JWK Set, or has no key that can be used.
    """
    found = []
    for index, key in enumerate(shape(data)):
        try:
            _check_key(index, key)
        except KeySetError:
            continue
        # Whoever can fetch the set knows its secrets.
        if key["kty"] != "oct":
            found.append(key)
    if not found:
        raise KeySetError("expected a JWK Set with a public key that can be used")
    return {"keys": found}


def shape(data: bytes) -> list[Any]:
    """The `keys` of a JWK Set, not looked at.

    Raises:
        KeySetError: it is not a JWK Set.
    """
    try:
        if len(data) > _LARGEST_FILE:
            raise ValueError("too large")
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise KeySetError("expected a JWK Set: JSON of at most 1 MiB") from error
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not 1 <= len(keys) <= _MOST_KEYS:
        raise KeySetError("expected a JWK Set with 1 to 1000 `keys`", 'the form is `{"keys": [{"kty": ...}]}`')
    return keys


def _check_key(index: int, key: Any) -> None:
    kind = key.get("kty") if isinstance(key, dict) else None
    if not isinstance(kind, str):
        raise KeySetError(f"expected key {index} to have a `kty`")
    if kind not in _MEMBERS:
        return
    for member in _MEMBERS[kind]:
        if not isinstance(key.get(member), str):
            raise KeySetError(f"expected key {index} ({kind}) to have `{member}`")
    if kind != "oct" and "d" in key:
        raise KeySetError(f"expected public keys, but key {index} is private", "export the public part only")
    if kind == "RSA":
        try:
            modulus = base64.urlsafe_b64decode(key["n"] + "==").lstrip(b"\0")
        except (binascii.Error, ValueError) as error:
            raise KeySetError(f"expected `n` of key {index} in base64url") from error
        if len(modulus) < _LEAST_RSA_BYTES:
            # RFC 7518 3.3: 2048 bits or more.
            raise KeySetError(f"expected RSA keys of 2048 bits or more; key {index} has {len(modulus) * 8}")


def fits(key: dict[str, Any], algorithm: str) -> bool:
    """Whether a key can verify signatures of an algorithm (RFC 7518 3.1, RFC 8037)."""
    if key.get("kty") != _KINDS.get(algorithm[:2]) or key.get("alg") not in (None, algorithm):
        return False
    if key.get("use") not in (None, "sig"):
        return False
    if algorithm in _CURVES:
        return key.get("crv") == _CURVES[algorithm]
    return algorithm != "EdDSA" or key.get("crv") == "Ed25519"
