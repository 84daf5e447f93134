"""The shop's own tokens: JWT signed with ES256 (RFC 7519, RFC 7518 3.4), and its key set for the gateway."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

ISSUER = "https://shop.example"
"""`iss` of every token."""
AUDIENCE = "shop"
"""`aud` of every token."""
LIFETIME_S = 3600
"""How long a token is good, seconds."""
KEY_SET_FILE = "jwks.json"
"""Name of the key set in the data folder."""

_HALF = 32


class TokenError(Exception):
    """A token that proves nothing."""


class Issuer:
    """Signs tokens and checks them."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        """Sign with a key on the curve P-256."""
        self._key = key
        self._public = key.public_key()
        numbers = self._public.public_numbers()
        jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": _encode(numbers.x.to_bytes(_HALF, "big")),
            "y": _encode(numbers.y.to_bytes(_HALF, "big")),
        }
        # RFC 7638: the thumbprint of the key names it.
        self._kid = _encode(hashlib.sha256(_json(jwk)).digest())
        self.key_set: dict[str, Any] = {"keys": [{**jwk, "kid": self._kid, "alg": "ES256", "use": "sig"}]}

    @classmethod
    def in_folder(cls, folder: Path) -> "Issuer":
        """The issuer of a data folder: its key is made on first use, its key set is written beside it."""
        file = folder / "shop.key"
        if not file.exists():
            fresh = ec.generate_private_key(ec.SECP256R1())
            pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(pem)
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"expected a P-256 key in {file}")
        issuer = cls(key)
        (folder / KEY_SET_FILE).write_text(json.dumps(issuer.key_set, indent=1) + "\n")
        return issuer

    def issue(self, subject: str, role: str, now: int, **claims: Any) -> str:
        """A token for a user.

        Args:
            subject: id of the user.
            role: role of the user.
            now: seconds since the epoch.
            claims: further claims, or other values for those that are set here.
        """
        payload = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "roles": [role],
            "iat": now,
            "exp": now + LIFETIME_S,
            **claims,
        }
        header = {"alg": "ES256", "kid": self._kid, "typ": "JWT"}
        signed = f"{_encode(_json(header))}.{_encode(_json(payload))}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{_encode(r.to_bytes(_HALF, 'big') + s.to_bytes(_HALF, 'big'))}"

    def verify(self, token: str, now: int, *, is_weak: bool = False) -> dict[str, Any]:
        """The claims of a token.

        Args:
            token: as it came.
            now: seconds since the epoch.
            is_weak: whether `alg: none` and expired tokens are accepted (the flaw `weak_tokens`).

        Raises:
            TokenError: it is not one of ours, or it has ended.
        """
        parts = token.split(".")
        if len(parts) != 3:
            raise TokenError("expected three parts")
        header, claims = _object(parts[0]), _object(parts[1])
        if is_weak and header.get("alg") == "none":
            return claims
        if header.get("alg") != "ES256":
            raise TokenError("expected ES256")
        self._check_signature(f"{parts[0]}.{parts[1]}", parts[2])
        if claims.get("iss") != ISSUER or claims.get("aud") != AUDIENCE:
            raise TokenError("expected a token of the shop")
        expires = claims.get("exp")
        if not is_weak and (not isinstance(expires, int) or expires <= now):
            raise TokenError("the token has ended")
        return claims

    def _check_signature(self, signed: str, signature: str) -> None:
        raw = _decode(signature)
        if len(raw) != 2 * _HALF:
            raise TokenError("expected a signature of 64 bytes")
        der = encode_dss_signature(int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big"))
        try:
            self._public.verify(der, signed.encode(), ec.ECDSA(SHA256()))
        except InvalidSignature as error:
            raise TokenError("the signature is not ours") from error


def unsigned(claims: dict[str, Any]) -> str:
    """A token with `alg: none`, as an attacker would write it."""
    return f"{_encode(_json({'alg': 'none', 'typ': 'JWT'}))}.{_encode(_json(claims))}."


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)
    except ValueError as error:
        raise TokenError("expected base64url") from error


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decode(part))
    except (ValueError, RecursionError) as error:
        raise TokenError("expected JSON") from error
    if not isinstance(value, dict):
        raise TokenError("expected an object")
    return value
