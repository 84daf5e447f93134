"""An issuer of tokens: ES256 by a key of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else data.encode()).rstrip(b"=").decode()


class Issuer:
    """Signs what it is asked to.

    Args:
        name: the `iss` claim.
        kid: id of its key.
    """

    def __init__(self, name: str, kid: str = "key-1") -> None:
        self.name = name
        self.kid = kid
        self._key = ec.generate_private_key(ec.SECP256R1())

    def jwk(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        x, y = (b64(number.to_bytes(32, "big")) for number in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "kid": self.kid, "use": "sig", "alg": "ES256", "x": x, "y": y}

    def key_set(self) -> dict[str, Any]:
        return {"keys": [self.jwk()]}

    def token(self, subject: str, **claims: Any) -> str:
        now = int(time.time())
        return self.sign({"iss": self.name, "sub": subject, "iat": now - 1, "exp": now + 3600, **claims})

    def nested(self, depth: int) -> str:
        return self.sign_text(f'{{"sub":"a","exp":9999999999,"x":{"[" * depth}{"]" * depth}}}')

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        return self.sign_text(json.dumps(claims), **header)

    def sign_text(self, claims: str, **header: Any) -> str:
        head = {"alg": "ES256", "typ": "JWT", "kid": self.kid, **header}
        head = {name: value for name, value in head.items() if value is not None}
        signed = f"{b64(json.dumps(head))}.{b64(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class Holder:
    """Holds a key that tokens are bound to, and proves it for each request (RFC 9449)."""

    def __init__(self) -> None:
        self._key = Issuer("nobody")

    @property
    def thumbprint(self) -> str:
        jwk = self._key.jwk()
        text = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
        return b64(hashlib.sha256(text.encode()).digest())

    def proof(self, method: str, url: str, token: str, **claims: Any) -> str:
        jwk = {name: value for name, value in self._key.jwk().items() if name in ("kty", "crv", "x", "y")}
        told = {
            "jti": secrets.token_hex(8),
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "ath": b64(hashlib.sha256(token.encode()).digest()),
            **claims,
        }
        return self._key.sign(told, typ="dpop+jwt", jwk=jwk, kid=None)
