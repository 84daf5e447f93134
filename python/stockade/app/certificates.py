"""Certificates of listeners that are obtained: a placeholder first, orders in time, and the last good one kept."""

from __future__ import annotations

import datetime
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from stockade.app.clock import Clock
from stockade.config import Config
from stockade.core.errors import StockadeError
from stockade.prevent.crypto.acme import PLACEHOLDER, Authority, Orders, placeholder
from stockade.store.files import write_whole
from stockade.store.folder import read_json, write_json

LOG = logging.getLogger("stockade.certificates")

SHORTEST_PAUSE_S = 60
"""Pause after the first failure, doubled with each further one."""

LONGEST_PAUSE_S = 6 * 3600
"""Longest pause after failures."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate that is to be obtained and renewed."""

    domains: tuple[str, ...]
    """What it is for."""
    file: Path
    """Where key and chain are kept."""


def wanted(config: Config) -> Iterator[Wanted]:
    """Every certificate that the listeners of a config want obtained, once."""
    seen: set[Path] = set()
    for listener in config.gateway.listen:
        for served in listener.tls.certificates if listener.tls else ():
            file = served.files(config.data).certificate_file
            if served.acme and file not in seen:
                seen.add(file)
                yield Wanted(served.acme, file)


def ensure_placeholders(config: Config, now_us: int) -> None:
    """Put a placeholder where a certificate is still to be obtained, so that its listener can open."""
    for one in wanted(config):
        if not one.file.exists():
            one.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_whole(one.file, placeholder(one.domains, _moment(now_us)), 0o600)


class Renewals:
    """Obtains what is due, one certificate after the other.

    Args:
        config: the config in force; None while there is none.
        clock: microseconds since the epoch.
        orders: makes what orders from an authority; for tests.
    """

    def __init__(
        self,
        config: Callable[[], Config | None],
        clock: Clock,
        orders: Callable[[Authority, Path], Orders] = Orders,
    ) -> None:
        self._config = config
        self._clock = clock
        self._orders = orders

    def run(self) -> None:
        """Obtain every certificate that is due and not in a pause after a failure.

        A failure is logged, and the certificate that is there stays.
        """
        config = self._config()
        if config is None or config.acme is None:
            return
        settings = config.acme
        external = settings.external_account
        authority = Authority(
            settings.directory,
            settings.contact,
            settings.ca_file,
            (external.key_id, external.hmac_key.get_secret_value()) if external else None,
            settings.key == "rsa",
        )
        folder = config.data / "acme"
        for one in wanted(config):
            if due_at(one, self._clock()) <= self._clock():
                self._obtain(one, authority, folder)

    def _obtain(self, one: Wanted, authority: Authority, folder: Path) -> None:
        state_file = folder / "state.json"
        state = read_json(state_file) or {}
        known = state.get(one.domains[0])
        failures, not_before = _pause(known)
        if self._clock() < not_before:
            return
        orders = self._orders(authority, folder)
        try:
            orders.clean()
            # Before an order: what was obtained must not be lost for want of a place.
            one.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            content = orders.obtain(one.domains)
            check(content, one.domains, self._clock())
            write_whole(one.file, content, 0o600)
        except (StockadeError, OSError, ValueError) as error:
            pause_s = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2 ** min(failures, 16))
            # Half of it by chance, so that many gateways do not come back at once.
            pause_us = pause_s * 500_000 + secrets.randbelow(pause_s * 500_000)
            state[one.domains[0]] = {"failures": failures + 1, "not_before": self._clock() + pause_us}
            LOG.error("%s; next try in %d seconds", error, pause_us // 1_000_000)
        else:
            state.pop(one.domains[0], None)
            LOG.info("obtained a certificate for %s", ", ".join(one.domains))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(state_file, state)


def due_at(one: Wanted, now_us: int) -> int:
    """When a certificate is to be obtained: after two thirds of its lifetime and up to a thirtieth more, else now.

    Args:
        one: which.
        now_us: now, microseconds since the epoch.
    """
    try:
        leaf = x509.load_pem_x509_certificates(one.file.read_bytes())[0]
    except (OSError, ValueError, IndexError):
        return now_us
    if is_placeholder(leaf) or not set(one.domains) <= names_of(leaf):
        return now_us
    begin, end = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    # The same for one certificate whenever it is asked, and another for each.
    share = int.from_bytes(leaf.fingerprint(SHA256())[:4])
    lifetime = max(0.0, end - begin)
    return int((begin + lifetime * 2 / 3 + lifetime / 30 * share / 2**32) * 1_000_000)


def check(content: bytes, domains: Sequence[str], now_us: int) -> None:
    """Whether what an authority gave can be served.

    Raises:
        StockadeError: `acme.certificate` when it is for other names, or not valid now.
    """
    leaf = x509.load_pem_x509_certificates(content)[0]
    missing = set(domains) - names_of(leaf)
    if missing:
        message = f"expected a certificate for {', '.join(sorted(missing))}, got one for {sorted(names_of(leaf))}"
        raise StockadeError("acme.certificate", message)
    if not leaf.not_valid_before_utc <= _moment(now_us) < leaf.not_valid_after_utc:
        message = f"expected a certificate that is valid now, got one from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M}"
        raise StockadeError("acme.certificate", message, "look at the clock of this machine")


def is_placeholder(leaf: x509.Certificate) -> bool:
    """Whether a certificate is only there until a real one is."""
    return any(attribute.value == PLACEHOLDER for attribute in leaf.subject)


def names_of(leaf: x509.Certificate) -> set[str]:
    """DNS names that a certificate is for, in lower case."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {name.lower() for name in names.get_values_for_type(x509.DNSName)}


def _pause(known: object) -> tuple[int, int]:
    """Failures in a row, and the moment before which nothing is tried."""
    if not isinstance(known, dict):
        return 0, 0
    failures, not_before = known.get("failures"), known.get("not_before")
    return (failures if isinstance(failures, int) else 0), (not_before if isinstance(not_before, int) else 0)


def _moment(now_us: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_us / 1_000_000, datetime.UTC)
