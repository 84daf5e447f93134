"""The key that signs identities for upstreams: made in the data folder, its public half told as a JWK Set."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stockade.config import Config
from stockade.prevent.crypto import wrapping_keys
from stockade.prevent.crypto.sealing import WrappingKey

NOBODY = WrappingKey("00000000", bytes(32))
"""Stands for the key where a plan is only looked at."""


def key_file(data: Path) -> Path:
    """Where the key is kept: one line, or two while another one takes its place."""
    return data / "keys" / "identity.key"


def signing_key(data: Path) -> WrappingKey:
    """The key that signs; `NOBODY` when none was made yet.

    Raises:
        StockadeError: others may read the file, or it is no key file.
    """
    return next(iter(wrapping_keys.read_file(key_file(data))), NOBODY)


def ensure(config: Config) -> None:
    """Make the key when something is to be signed and there is none."""
    handed_on = [api.identity.hand_on for api in config.apis.values()]
    if any(one and one.signed and one.signed.algorithm == "EdDSA" for one in handed_on):
        file = key_file(config.data)
        if not wrapping_keys.read_file(file):
            wrapping_keys.create_file(file)


def public_keys(data: Path) -> dict[str, Any]:
    """The public halves as a JWK Set (RFC 8037 2), for upstreams."""
    keys = []
    for key in wrapping_keys.read_file(key_file(data)):
        public = Ed25519PrivateKey.from_private_bytes(key.secret).public_key()
        x = base64.urlsafe_b64encode(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()
        keys.append({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key.id, "x": x})
    return {"keys": keys}
