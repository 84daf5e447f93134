"""What the config and the files that it names say about encryption; nothing is connected to."""

import datetime
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509

from stockade.config import Loaded
from stockade.config.document.node import Step
from stockade.config.values.address import split_address
from stockade.prevent.crypto.acme import PLACEHOLDER
from stockade.prevent.crypto.posture.certificates import fits, names, weaknesses
from stockade.prevent.crypto.posture.finding import Finding, Weight

_Steps = tuple[Step, ...]


def configured(loaded: Loaded, now: datetime.datetime) -> list[Finding]:
    """Every weakness that settings and files show, in the order of the config.

    Args:
        loaded: a config that is right in itself.
        now: the moment that certificates are looked at.
    """
    looking = _Looking(loaded, now)
    return [*looking.listeners(), *looking.hosts(), *looking.upstreams(), *looking.admin()]


class _Looking:
    def __init__(self, loaded: Loaded, now: datetime.datetime) -> None:
        self._config = loaded.config
        self._sources = loaded.sources
        self._now = now
        self._names: list[str] = []

    def _finding(self, code: str, weight: Weight, steps: _Steps, text: str, hint: str) -> Finding:
        return Finding(code, weight, self._sources.problem(steps, text, hint))

    def listeners(self) -> Iterator[Finding]:
        """Listeners in clear, their certificates and keys, and what verifies clients."""
        for index, listener in enumerate(self._config.gateway.listen):
            steps: _Steps = ("gateway", "listen", index)
            if listener.tls is None:
                if not ipaddress.ip_address(split_address(listener.address)[0]).is_loopback:
                    hint = "add `tls`, or listen on 127.0.0.1 behind something that speaks TLS"
                    yield self._finding("listener.plain", Weight.HIGH, steps, "other machines connect in clear", hint)
                continue
            for number, served in enumerate(listener.tls.certificates):
                below = (*steps, "tls", "certificates", number)
                pair = served.files(self._config.data)
                yield from self._served(pair.certificate_file, below)
                yield from self._key_file(pair.key_file, below)
            clients = listener.tls.client_certificates
            if clients is not None and clients.ca_file is not None:
                below = (*steps, "tls", "client_certificates")
                yield from self._authorities(clients.ca_file, (*below, "ca_file"))
                for number, file in enumerate(clients.crl_files):
                    yield from self._revocations(file, (*below, "crl_files", number))

    def _served(self, file: Path, steps: _Steps) -> Iterator[Finding]:
        chain = _chain(file)
        if not chain:
            text = f"no certificate can be read from `{file}`"
            yield self._finding("certificate.missing", Weight.HIGH, steps, text, "start `stockade run` to obtain it")
            return
        self._names.extend(names(chain[0]))
        if any(attribute.value == PLACEHOLDER for attribute in chain[0].subject):
            hint = "look for `acme.order` in the log of control: each domain must lead here on port 80"
            yield self._finding("certificate.placeholder", Weight.HIGH, steps, "it is still to be obtained", hint)
            return
        for code, weight, text, hint in weaknesses(chain, self._now):
            yield self._finding(f"certificate.{code}", weight, steps, text, hint)

    def _key_file(self, file: Path, steps: _Steps) -> Iterator[Finding]:
        try:
            mode = file.stat().st_mode & 0o777
        except OSError:
            return
        if mode & 0o077:
            text, hint = f"others may read the private key (mode {mode:04o})", f"run `chmod 600 {file}`"
            yield self._finding("key.readable", Weight.HIGH, steps, text, hint)

    def _authorities(self, file: Path, steps: _Steps) -> Iterator[Finding]:
        for certificate in _chain(file):
            if certificate.not_valid_after_utc <= self._now:
                text = f"the authority `{certificate.subject.rfc4514_string()}` has ended"
                yield self._finding("clients.authority_expired", Weight.HIGH, steps, text, "take in its successor")

    def _revocations(self, file: Path, steps: _Steps) -> Iterator[Finding]:
        try:
            following = x509.load_pem_x509_crl(file.read_bytes()).next_update_utc
        except (OSError, ValueError):
            return
        if following is not None and following <= self._now:
            text = f"the revocation list should have been replaced on {following:%Y-%m-%d %H:%M} UTC"
            yield self._finding("clients.list_outdated", Weight.MEDIUM, steps, text, "fetch the present one")

    def hosts(self) -> Iterator[Finding]:
        """Hosts of APIs that no certificate is for, where there is TLS at all."""
        if not self._names:
            return
        for name, api in self._config.apis.items():
            for host in api.hosts:
                wild = host.startswith("*")
                known = any(fits(served, host) or (wild and served == host) for served in self._names)
                if host != "*" and not known:
                    text = f"no certificate of a listener is for `{host}`"
                    hint = "add one, or take the host out"
                    yield self._finding("certificate.names", Weight.HIGH, ("apis", name, "hosts"), text, hint)

    def upstreams(self) -> Iterator[Finding]:
        """Targets in clear, roots that ended, certificates that are shown to upstreams."""
        for name, api in self._config.apis.items():
            steps: _Steps = ("apis", name, "upstream")
            for target in api.upstream.targets:
                parts = urlsplit(target)
                if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
                    text, hint = f"requests go to `{target}` in clear", "write `https://` and let the service speak TLS"
                    yield self._finding("upstream.plain", Weight.HIGH, (*steps, "targets"), text, hint)
            tls = api.upstream.tls
            if tls.ca_file is not None:
                for root in _chain(tls.ca_file):
                    if root.not_valid_after_utc <= self._now:
                        text = f"the root `{root.subject.rfc4514_string()}` has ended"
                        below = (*steps, "tls", "ca_file")
                        yield self._finding("upstream.root_expired", Weight.HIGH, below, text, "take in its successor")
            if tls.client_certificate is not None:
                below = (*steps, "tls", "client_certificate")
                chain = _chain(tls.client_certificate.certificate_file)
                for code, weight, text, hint in weaknesses(chain, self._now) if chain else ():
                    # Clients need no host name, and are often signed by an authority of one.
                    if code not in ("no_names", "self_signed"):
                        yield self._finding(f"upstream.client_{code}", weight, below, text, hint)
                yield from self._key_file(tls.client_certificate.key_file, below)

    def admin(self) -> Iterator[Finding]:
        """An admin API that other machines reach: it speaks no TLS."""
        if not ipaddress.ip_address(split_address(self._config.admin.listen)[0]).is_loopback:
            hint = "listen on 127.0.0.1, and reach it through a tunnel"
            text = "the admin token goes over the network in clear"
            yield self._finding("admin.plain", Weight.HIGH, ("admin", "listen"), text, hint)


def is_loopback(host: str) -> bool:
    """Whether a host of a URL is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _chain(file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError):
        return []
