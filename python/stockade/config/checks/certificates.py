"""Certificates and keys: they exist, can be read, and belong together."""

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from stockade.config.document.node import Step
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem

_LARGEST_FILE = 1024 * 1024


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Certificates of listeners, and roots for upstreams."""
    for index, listener in enumerate(config.gateway.listen):
        for number, pair in enumerate(listener.tls.certificates if listener.tls else ()):
            steps = ("gateway", "listen", index, "tls", "certificates", number)
            yield from _check_pair(pair.certificate_file, pair.key_file, steps, sources)
    for name, api in config.apis.items():
        if api.upstream.tls.ca_file is not None:
            _, problem = _certificates(api.upstream.tls.ca_file, ("apis", name, "upstream", "tls", "ca_file"), sources)
            yield from problem


def _check_pair(certificate_file: Path, key_file: Path, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    certificates, problems = _certificates(certificate_file, (*steps, "certificate_file"), sources)
    yield from problems
    data, problems = _read(key_file, (*steps, "key_file"), sources)
    yield from problems
    if data is None:
        return
    try:
        key = load_pem_private_key(data, None)
    except TypeError:
        hint = "take the passphrase off: `openssl pkey -in KEY -out PLAIN`"
        yield sources.problem((*steps, "key_file"), "expected a private key without a passphrase", hint)
        return
    except (ValueError, UnsupportedAlgorithm):
        hint = "expected is PKCS#8, SEC1 or PKCS#1 in PEM, beginning with `-----BEGIN`"
        yield sources.problem((*steps, "key_file"), "expected a private key in PEM", hint, show_value=True)
        return
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificates and certificates[0].public_key().public_bytes(*form) != key.public_key().public_bytes(*form):
        expected = "expected the private key of the first certificate in `certificate_file`"
        yield sources.problem((*steps, "key_file"), expected, "put the leaf first in the chain", got="another key")


def _certificates(
    file: Path, steps: tuple[Step, ...], sources: Sources
) -> tuple[list[x509.Certificate], list[Problem]]:
    data, problems = _read(file, steps, sources)
    if data is None:
        return [], problems
    try:
        return x509.load_pem_x509_certificates(data), []
    except ValueError:
        hint = "the file begins with `-----BEGIN CERTIFICATE-----`"
        return [], [sources.problem(steps, "expected certificates in PEM", hint, show_value=True)]


def _read(file: Path, steps: tuple[Step, ...], sources: Sources) -> tuple[bytes | None, list[Problem]]:
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST_FILE), []
    except OSError as error:
        hint = f"looked for {file}"
        expected = f"expected a file that can be read ({(error.strerror or 'not readable').lower()})"
        return None, [sources.problem(steps, expected, hint, show_value=True)]
