"""Keys that sign requests, as JWKs (RFC 7517)."""

from __future__ import annotations

import base64
import json

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from stockade.config.identity import SignatureKey
from stockade.config.key_set import KeySetError

_CURVES = {"ecdsa-p256-sha256": ("P-256", 32), "ecdsa-p384-sha384": ("P-384", 48)}


def jwk_of(key: SignatureKey) -> str:
    """The key as a JWK in JSON; it may be a secret.

    Raises:
        KeySetError: its file cannot be read, or holds a key that is not for its algorithm.
    """
    if key.secret is not None:
        return json.dumps({"kty": "oct", "k": _b64(key.secret.get_secret_value().encode())})
    file = key.public_key_file
    try:
        public = load_pem_public_key(file.read_bytes() if file else b"")
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise KeySetError(f"expected a public key that can be read ({reason})", f"looked for {file}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        hint = "the file begins with `-----BEGIN PUBLIC KEY-----`"
        raise KeySetError(f"expected a public key in PEM form in `{file}`", hint) from error
    match public:
        case ed25519.Ed25519PublicKey() if key.algorithm == "ed25519":
            raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
            return json.dumps({"kty": "OKP", "crv": "Ed25519", "x": _b64(raw)})
        case ec.EllipticCurvePublicKey() if key.algorithm in _CURVES:
            curve, size = _CURVES[key.algorithm]
            if public.key_size == size * 8:
                numbers = public.public_numbers()
                x, y = (_b64(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
                return json.dumps({"kty": "EC", "crv": curve, "x": x, "y": y})
        case rsa.RSAPublicKey() if key.algorithm.startswith("rsa"):
            numbers_rsa = public.public_numbers()
            n, e = (
                _b64(number.to_bytes((number.bit_length() + 7) // 8, "big"))
                for number in (numbers_rsa.n, numbers_rsa.e)
            )
            return json.dumps({"kty": "RSA", "n": n, "e": e})
    raise KeySetError(f"expected a key for `{key.algorithm}` in `{file}`", "set `algorithm` to what the key is for")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
