"""Certificates are due in time, a placeholder stands in, and a failure leaves what is there."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from stockade.app.certificates import Renewals, Wanted, check, due_at, ensure_placeholders, wanted
from stockade.config import Config, loads
from stockade.core.errors import StockadeError
from stockade.prevent.crypto.acme import Authority, Orders

DAY = 86_400_000_000
NOW = 1_780_000_000_000_000
CONFIG = """
acme: {terms_agreed: true}
gateway:
  listen:
    - address: 127.0.0.1:8443
      tls: {certificates: [{acme: [a.example, b.example]}]}
apis: {shop: {upstream: "http://127.0.0.1:9000"}}
"""


def made(names: Sequence[str], begin: int, end: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime.fromtimestamp(begin / 1e6, datetime.UTC))
        .not_valid_after(datetime.datetime.fromtimestamp(end / 1e6, datetime.UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, SHA256())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + built.public_bytes(Encoding.PEM)


class Fake(Orders):
    """Orders that end as they are told to."""

    outcomes: list[bytes | Exception] = []  # noqa: RUF012  # set anew by each test
    asked = 0

    def obtain(self, domains: Sequence[str]) -> bytes:
        type(self).asked += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class Bench:
    """A data folder, a clock and an authority."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.config: Config = loads(CONFIG, {}, folder).config
        (self.wanted,) = wanted(self.config)
        Fake.outcomes, Fake.asked = [], 0
        self.renewals = Renewals(lambda: self.config, lambda: self.now, Fake)

    def run(self, *outcomes: bytes | Exception) -> int:
        """How often the authority was asked."""
        Fake.outcomes, Fake.asked = list(outcomes), 0
        self.renewals.run()
        return Fake.asked


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_placeholder_lets_the_listener_open_and_is_due_at_once(bench: Bench) -> None:
    ensure_placeholders(bench.config, NOW)
    first = bench.wanted.file.read_bytes()
    assert bench.wanted.file.stat().st_mode & 0o777 == 0o600
    assert due_at(bench.wanted, NOW) == NOW
    ensure_placeholders(bench.config, NOW)
    assert bench.wanted.file.read_bytes() == first


def test_a_certificate_is_obtained_and_left_alone_until_two_thirds_of_its_life(bench: Bench) -> None:
    good = made(["a.example", "b.example"], NOW, NOW + 90 * DAY)
    assert bench.run(good) == 1
    assert bench.wanted.file.read_bytes() == good
    bench.now = NOW + 59 * DAY
    assert bench.run() == 0
    bench.now = NOW + 64 * DAY
    assert bench.run(made(["a.example", "b.example"], bench.now, bench.now + 90 * DAY)) == 1


def test_a_failure_keeps_the_last_good_one_and_waits_longer_each_time(bench: Bench) -> None:
    good = made(["a.example", "b.example"], NOW - 80 * DAY, NOW + 10 * DAY)
    bench.wanted.file.parent.mkdir(parents=True)
    bench.wanted.file.write_bytes(good)
    refusal = StockadeError("acme.order", "no")
    assert bench.run(refusal) == 1
    assert bench.run() == 0, "not at once again"
    bench.now += 61_000_000
    assert bench.run(refusal) == 1
    bench.now += 59_000_000
    assert bench.run() == 0
    bench.now += 62_000_000
    assert bench.run(made(["a.example", "b.example"], bench.now, bench.now + 90 * DAY)) == 1
    assert bench.wanted.file.read_bytes() != good


@pytest.mark.parametrize(
    "wrong",
    [
        made(["a.example"], NOW, NOW + 90 * DAY),
        made(["a.example", "b.example"], NOW + DAY, NOW + 90 * DAY),
        b"rubbish",
    ],
)
def test_what_cannot_be_served_is_not_taken(bench: Bench, wrong: bytes) -> None:
    ensure_placeholders(bench.config, NOW)
    before = bench.wanted.file.read_bytes()
    assert bench.run(wrong) == 1
    assert bench.wanted.file.read_bytes() == before


def test_other_names_in_the_config_are_due_at_once(bench: Bench) -> None:
    bench.run(made(["a.example", "b.example"], NOW, NOW + 90 * DAY))
    assert due_at(Wanted(("a.example", "c.example"), bench.wanted.file), NOW) == NOW


@given(days=st.integers(min_value=1, max_value=400))
def test_renewal_falls_between_two_thirds_and_seven_tenths(tmp_path_factory: pytest.TempPathFactory, days: int) -> None:
    file = tmp_path_factory.mktemp("c") / "c.pem"
    file.write_bytes(made(["a.example"], NOW, NOW + days * DAY))
    due = due_at(Wanted(("a.example",), file), NOW)
    assert NOW + days * DAY * 2 / 3 - 2_000_000 <= due <= NOW + days * DAY * 0.7 + 2_000_000


def test_a_certificate_for_now_and_these_names_is_good() -> None:
    check(made(["a.example"], NOW - DAY, NOW + DAY), ["a.example"], NOW)


def test_without_the_section_nothing_is_asked(bench: Bench, tmp_path: Path) -> None:
    bench.config = loads('apis: {shop: {upstream: "http://127.0.0.1:9000"}}', {}, tmp_path).config
    assert bench.run() == 0
    assert Authority("https://a").contact == ()
