"""Obtains certificates from an authority (RFC 8555) with the `acme` package; domains are proven over HTTP (8.3).

The gateway answers challenges from `acme/challenges` in the data folder; a file is there only while its order is open.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
from acme import challenges, errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from stockade.core.errors import StockadeError
from stockade.store.files import write_new, write_whole

ORDER_S = 120
"""Longest time for one order, seconds."""

REQUEST_S = 20
"""Longest time for one request to the authority, seconds."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Where certificates come from."""

    directory: str
    """URL of its directory."""
    contact: tuple[str, ...] = ()
    """E-mail addresses it may write to."""
    ca_file: Path | None = None
    """Roots that verify its server; the public ones when None."""
    external: tuple[str, str] | None = None
    """Id and key of an account it knows already."""
    rsa: bool = False
    """Whether keys are RSA instead of P-256."""


class Orders:
    """Orders certificates with one account.

    Args:
        authority: where from.
        folder: `acme` in the data folder: account key, challenges.
    """

    def __init__(self, authority: Authority, folder: Path) -> None:
        self._authority = authority
        self._folder = folder
        self._challenges = folder / "challenges"

    def obtain(self, domains: Sequence[str]) -> bytes:
        """A new certificate: key and chain in PEM.

        Args:
            domains: 1 to 100 domain names.

        Raises:
            StockadeError: `acme.order` with what the authority said.
        """
        try:
            return self._obtain(domains)
        except (errors.Error, messages.Error, requests.RequestException, OSError, ValueError) as error:
            raise StockadeError(
                "acme.order",
                f"expected a certificate for {', '.join(domains)} from `{self._authority.directory}`: {_said(error)}",
                "each domain must lead to this gateway on port 80 over HTTP",
            ) from error

    def clean(self) -> None:
        """Take away challenges that a crash left behind."""
        for file in self._challenges.glob("*") if self._challenges.is_dir() else ():
            file.unlink(missing_ok=True)

    def _obtain(self, domains: Sequence[str]) -> bytes:
        client = self._client()
        key = _new_key(use_rsa=self._authority.rsa)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        order = client.new_order(_request(key, domains))
        # The package compares with the local time without a zone.
        deadline = datetime.datetime.now() + datetime.timedelta(seconds=ORDER_S)  # noqa: TID251
        with contextlib.ExitStack() as opened:
            for authorization in order.authorizations:
                if authorization.body.status == messages.STATUS_VALID:
                    continue
                challenge = next(
                    (one for one in authorization.body.challenges if isinstance(one.chall, challenges.HTTP01)), None
                )
                if challenge is None:
                    raise ValueError(f"no challenge over HTTP offered for {authorization.body.identifier.value}")
                response, proof = challenge.response_and_validation(client.net.key)
                opened.callback(self._open(challenge.chall.encode("token"), proof))
                client.answer_challenge(challenge, response)
            done = client.poll_and_finalize(order, deadline)
        return key_pem + done.fullchain_pem.encode()

    def _open(self, token: str, proof: str) -> Callable[[], None]:
        """Put a challenge where the gateway answers it; answers what takes it away."""
        self._challenges.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self._challenges / token
        # The token comes from the authority: only what the gateway would answer is written.
        if not token.replace("-", "").replace("_", "").isalnum() or not token.isascii() or len(token) > 128:
            raise ValueError("a challenge token that is none")
        write_whole(file, proof.encode(), 0o600)
        return lambda: file.unlink(missing_ok=True)

    def _client(self) -> ClientV2:
        key = JWKEC(key=self._account_key())
        verify = str(self._authority.ca_file) if self._authority.ca_file else True
        network = ClientNetwork(
            key, alg=ES256, verify_ssl=verify, user_agent="stockade", timeout=REQUEST_S  # type: ignore[arg-type]
        )  # fmt: skip
        directory = ClientV2.get_directory(self._authority.directory, network)
        client = ClientV2(directory, network)
        binding = None
        if self._authority.external is not None:
            key_id, secret = self._authority.external
            binding = messages.ExternalAccountBinding.from_data(key.public_key(), key_id, secret, directory)
        contact = ",".join(self._authority.contact) or None
        registration = messages.NewRegistration.from_data(
            email=contact, terms_of_service_agreed=True, external_account_binding=binding
        )
        try:
            client.new_account(registration)
        except errors.ConflictError as known:
            # It has an account for this key already, and says where (RFC 8555 7.3.1).
            network.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
        return client

    def _account_key(self) -> ec.EllipticCurvePrivateKey:
        file = self._folder / "account.key"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not file.exists():
            fresh = ec.generate_private_key(ec.SECP256R1())
            write_new(file, fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"`{file}` holds another kind of key")
        return key


def placeholder(domains: Sequence[str], now: datetime.datetime) -> bytes:
    """A certificate by nobody, with which a listener can open until there is a real one: key and chain in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, PLACEHOLDER)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains]), critical=False)
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)


PLACEHOLDER = "Stockade placeholder"
"""Organization in the subject of a placeholder."""


def _new_key(*, use_rsa: bool) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 3072) if use_rsa else ec.generate_private_key(ec.SECP256R1())


def _request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, domains: Sequence[str]) -> bytes:
    names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).add_extension(names, critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _said(error: Exception) -> str:
    """What went wrong in one line, as long as an operator reads it."""
    if isinstance(error, errors.ValidationError):
        told = [
            f"{failed.body.identifier.value}: {challenge.error.detail}"
            for failed in error.failed_authzrs
            for challenge in failed.body.challenges
            if challenge.error is not None
        ]
        text = "; ".join(told) or "a domain could not be proven"
    elif isinstance(error, messages.Error):
        text = str(error.detail or error.typ)
    elif isinstance(error, errors.TimeoutError):
        text = f"no answer within {ORDER_S} seconds"
    else:
        text = str(error) or type(error).__name__
    return " ".join(text.split())[:400]
