"""What listeners and upstreams really speak: one connection each, with a time-out."""

import contextlib
import datetime
import re
import socket
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography import x509

from stockade.config import Loaded
from stockade.config.document.node import Step
from stockade.config.values.address import split_address
from stockade.prevent.crypto.posture.certificates import weaknesses
from stockade.prevent.crypto.posture.finding import Finding, Weight

CONNECT_S = 5.0
"""Longest time for one connection, seconds."""

_HSTS = re.compile(rb"\r\nstrict-transport-security:\s*([^\r\n]*)", re.IGNORECASE)
_LEAST_HSTS_S = 15_552_000
_HEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Place:
    """One thing to connect to."""

    steps: tuple[Step, ...]
    host: str
    port: int
    name: str | None
    ca_file: str | None = None
    client: tuple[str, str] | None = None


def probed(loaded: Loaded, now: datetime.datetime) -> list[Finding]:
    """Every weakness that shows on connecting to each upstream and each listener with TLS.

    Args:
        loaded: a config that is right in itself.
        now: the moment that certificates are looked at.
    """
    probing = _Probing(loaded, now)
    return [*probing.upstreams(), *probing.listeners()]


class _Probing:
    def __init__(self, loaded: Loaded, now: datetime.datetime) -> None:
        self._config = loaded.config
        self._sources = loaded.sources
        self._now = now

    def _finding(self, code: str, weight: Weight, place: _Place, text: str, hint: str) -> Finding:
        where = f"{place.host}:{place.port}"
        return Finding(code, weight, self._sources.problem(place.steps, f"{where}: {text}", hint))

    def upstreams(self) -> Iterator[Finding]:
        """Upstreams with TLS: verified as the gateway does it, and whether they take old versions."""
        for name, api in self._config.apis.items():
            tls = api.upstream.tls
            pair = tls.client_certificate
            for target in api.upstream.targets:
                parts = urlsplit(target)
                if parts.scheme != "https" or parts.hostname is None:
                    continue
                place = _Place(
                    ("apis", name, "upstream", "targets"),
                    parts.hostname,
                    parts.port or 443,
                    tls.server_name or parts.hostname,
                    str(tls.ca_file) if tls.ca_file else None,
                    (str(pair.certificate_file), str(pair.key_file)) if pair else None,
                )
                yield from self._upstream(place)

    def _upstream(self, place: _Place) -> Iterator[Finding]:
        try:
            chain = _chain_of(place)
        except OSError as error:
            yield self._unreachable("upstream.unreachable", place, error)
            return
        for code, weight, text, hint in weaknesses(chain, self._now):
            if code != "self_signed":
                yield self._finding(f"upstream.{code}", weight, place, text, hint)
        try:
            with _connected(place, _verifying(place)) as stream:
                version = stream.version() or ""
        except ssl.SSLCertVerificationError as error:
            text = f"its certificate does not verify: {error.verify_message}"
            hint = "set `upstream.tls.ca_file` or `server_name`; the gateway refuses it as it is"
            yield self._finding("upstream.unverified", Weight.HIGH, place, text, hint)
            return
        except OSError as error:
            yield self._unreachable("upstream.unreachable", place, error)
            return
        if version not in ("TLSv1.2", "TLSv1.3"):
            yield self._finding(
                "upstream.old_version", Weight.HIGH, place, f"it speaks {version}", "let it speak TLS 1.3"
            )
        yield from self._old_versions("upstream.old_version", place)

    def listeners(self) -> Iterator[Finding]:
        """Own listeners with TLS: whether they answer, take old versions, and tell browsers to stay with TLS."""
        hosts = [host for api in self._config.apis.values() for host in api.hosts if not host.startswith("*")]
        for index, listener in enumerate(self._config.gateway.listen):
            if listener.tls is None:
                continue
            address, port = split_address(listener.address)
            local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
            place = _Place(("gateway", "listen", index), local, port, hosts[0] if hosts else None)
            clients = listener.tls.client_certificates
            asks = clients is not None and clients.mode == "required"
            yield from self._listener(place, asks_for_certificates=asks)

    def _listener(self, place: _Place, *, asks_for_certificates: bool) -> Iterator[Finding]:
        try:
            chain = _chain_of(place)
        except OSError as error:
            if not asks_for_certificates:
                yield self._unreachable("listener.unreachable", place, error)
            return
        if chain[0].not_valid_after_utc <= self._now:
            hint = "look whether the files were renewed and the gateway could read them"
            yield self._finding("listener.expired", Weight.HIGH, place, "it serves a certificate that has ended", hint)
        yield from self._old_versions("listener.old_version", place)
        if not asks_for_certificates:
            yield from self._transport_security(place)

    def _transport_security(self, place: _Place) -> Iterator[Finding]:
        try:
            with _connected(place, _trusting()) as stream:
                request = f"GET / HTTP/1.1\r\nHost: {place.name or place.host}\r\nConnection: close\r\n\r\n"
                stream.sendall(request.encode())
                head = bytearray()
                while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES and (part := stream.recv(4096)):
                    head += part
        except OSError as error:
            yield self._unreachable("listener.unreachable", place, error)
            return
        found = _HSTS.search(bytes(head))
        age = re.search(rb"max-age=\"?(\d+)", found[1]) if found else None
        if age is None or int(age[1]) < _LEAST_HSTS_S:
            text = "answers do not tell browsers to stay with TLS (`Strict-Transport-Security`, RFC 6797)"
            hint = "have the service send `Strict-Transport-Security: max-age=31536000`"
            yield self._finding("listener.no_hsts", Weight.MEDIUM, place, text, hint)

    def _old_versions(self, code: str, place: _Place) -> Iterator[Finding]:
        context = _trusting()
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            # Asking for them is the only way to learn whether they are taken.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        with contextlib.suppress(OSError, ValueError):
            with _connected(place, context) as stream:
                version = stream.version()
            yield self._finding(code, Weight.HIGH, place, f"it takes {version}", "turn off everything below TLS 1.2")

    def _unreachable(self, code: str, place: _Place, error: OSError) -> Finding:
        text = f"no TLS connection ({(error.strerror or str(error) or type(error).__name__).lower()})"
        return self._finding(code, Weight.UNDECIDED, place, text, "look whether it runs and can be reached from here")


def _chain_of(place: _Place) -> list[x509.Certificate]:
    """The leaf that is shown, whoever issued it."""
    with _connected(place, _trusting()) as stream:
        leaf = stream.getpeercert(binary_form=True)
    if leaf is None:
        raise OSError("it shows no certificate")
    return [x509.load_der_x509_certificate(leaf)]


def _connected(place: _Place, context: ssl.SSLContext) -> ssl.SSLSocket:
    if place.client is not None:
        context.load_cert_chain(*place.client)
    plain = socket.create_connection((place.host, place.port), CONNECT_S)
    try:
        return context.wrap_socket(plain, server_hostname=place.name or None)
    except BaseException:
        plain.close()
        raise


def _verifying(place: _Place) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=place.ca_file)


def _trusting() -> ssl.SSLContext:
    """Believes every certificate, since it is what is looked at; nothing is sent that is worth anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
