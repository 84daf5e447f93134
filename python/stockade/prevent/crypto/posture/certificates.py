"""What is weak about a certificate chain, whoever shows it."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from stockade.prevent.crypto.posture.finding import Weight

Weakness = tuple[str, Weight, str, str]
"""Last part of a code, weight, what is wrong, what to do."""

SOON = datetime.timedelta(days=30)
"""A certificate that ends within this time is told, or within a third of its lifetime when that is shorter."""

LEAST_RSA_BITS = 2048
"""Shortest RSA key that is not weak (NIST SP 800-131A)."""

LEAST_CURVE_BITS = 224
"""Smallest curve that is not weak."""

WEAK_HASHES = ("md5", "sha1")
"""Hashes whose signatures can be forged."""


def weaknesses(chain: Sequence[x509.Certificate], now: datetime.datetime) -> Iterator[Weakness]:
    """What is weak about a chain, leaf first.

    Args:
        chain: at least the leaf.
        now: the moment that it is looked at.
    """
    leaf = chain[0]
    yield from _times(leaf, now)
    for place, certificate in enumerate(chain):
        name = "the leaf" if place == 0 else f"certificate {place + 1} of the chain"
        yield from _key(certificate, name)
        if certificate.subject != certificate.issuer:
            yield from _signature(certificate, name)
        if place > 0 and certificate.not_valid_after_utc <= now:
            ended = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
            yield (
                "expired",
                Weight.HIGH,
                f"{name} ended on {ended}",
                "put the authority's present chain behind the leaf",
            )
    for place, (below, above) in enumerate(pairwise(chain)):
        if below.issuer != above.subject:
            text = f"certificate {place + 2} of the chain did not issue the one before it"
            yield "chain", Weight.HIGH, text, "put the leaf first, then each issuer of the one before"
    if not names(leaf):
        yield (
            "no_names",
            Weight.HIGH,
            "it names no host, so clients refuse it",
            "ask for one with a subject alternative name",
        )
    elif leaf.subject == leaf.issuer:
        yield (
            "self_signed",
            Weight.MEDIUM,
            "it is signed by itself",
            "obtain one with `acme`, or from your own authority",
        )


def names(leaf: x509.Certificate) -> list[str]:
    """Host names and addresses that a certificate is for, in lower case."""
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [name.lower() for name in found.get_values_for_type(x509.DNSName)] + addresses


def fits(name: str, host: str) -> bool:
    """Whether a name of a certificate stands for a host; `*` stands for one label (RFC 6125 6.4.3)."""
    if name.startswith("*."):
        first, dot, rest = host.partition(".")
        return bool(first) and bool(dot) and rest == name[2:]
    return name == host


def _times(leaf: x509.Certificate, now: datetime.datetime) -> Iterator[Weakness]:
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if end <= now:
        yield "expired", Weight.HIGH, f"it ended on {end:%Y-%m-%d %H:%M} UTC", "renew it"
    elif now < begin:
        yield "not_yet_valid", Weight.HIGH, f"it begins on {begin:%Y-%m-%d %H:%M} UTC", "look at the clock, or wait"
    elif end - now < min(SOON, (end - begin) / 3):
        days = (end - now).days
        yield "expires_soon", Weight.MEDIUM, f"it ends in {days} days, on {end:%Y-%m-%d}", "renew it, or use `acme`"


def _key(certificate: x509.Certificate, name: str) -> Iterator[Weakness]:
    try:
        key = certificate.public_key()
    except ValueError:
        yield "weak_key", Weight.HIGH, f"{name} has a key of an unknown kind", "use ECDSA P-256 or RSA with 3072 bits"
        return
    good: Callable[[], bool]
    match key:
        case rsa.RSAPublicKey():
            text, good = f"an RSA key of {key.key_size} bits", lambda: key.key_size >= LEAST_RSA_BITS
        case ec.EllipticCurvePublicKey():
            text, good = f"a key on {key.curve.name}", lambda: key.curve.key_size >= LEAST_CURVE_BITS
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return
        case dsa.DSAPublicKey():
            text, good = "a DSA key", lambda: False
        case _:
            text, good = "a key that is not for signing", lambda: False
    if not good():
        yield "weak_key", Weight.HIGH, f"{name} has {text}", "use ECDSA P-256 or RSA with 3072 bits"


def _signature(certificate: x509.Certificate, name: str) -> Iterator[Weakness]:
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name in WEAK_HASHES:
        text = f"{name} is signed with {algorithm.name.upper().replace('SHA1', 'SHA-1')}"
        yield "weak_signature", Weight.HIGH, text, "have it issued anew"
