"""Certificates and keys: they exist, can be read, and belong together."""

from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from stockade.config.certificate import Certificate
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
            if not pair.acme:
                yield from _check_pair(pair.files(config.data), steps, sources)
            elif config.acme is None:
                hint = "add `acme: {terms_agreed: true, contact: [ops@shop.example]}` at the top"
                yield sources.problem((*steps, "acme"), "expected the section `acme` beside it", hint)
        clients = listener.tls.client_certificates if listener.tls else None
        if clients is not None and clients.ca_file is not None:
            below: tuple[Step, ...] = ("gateway", "listen", index, "tls", "client_certificates")
            yield from _certificates(clients.ca_file, (*below, "ca_file"), sources)[1]
            for number, file in enumerate(clients.crl_files):
                yield from _check_list(file, (*below, "crl_files", number), sources)
    for name, api in config.apis.items():
        if api.upstream.tls.ca_file is not None:
            _, problem = _certificates(api.upstream.tls.ca_file, ("apis", name, "upstream", "tls", "ca_file"), sources)
            yield from problem
        if api.upstream.tls.client_certificate is not None:
            under = ("apis", name, "upstream", "tls", "client_certificate")
            yield from _check_pair(api.upstream.tls.client_certificate, under, sources)


def _check_list(file: Path, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    data, problems = _read(file, steps, sources)
    yield from problems
    try:
        if data is not None:
            x509.load_pem_x509_crl(data)
    except ValueError:
        hint = "the file begins with `-----BEGIN X509 CRL-----`"
        yield sources.problem(steps, "expected a revocation list in PEM", hint, show_value=True)


def _check_pair(pair: Certificate, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    certificates, problems = _certificates(pair.certificate_file, (*steps, "certificate_file"), sources)
    yield from problems
    data, problems = _read(pair.key_file, (*steps, "key_file"), sources)
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
