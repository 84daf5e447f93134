"""The posture report finds each weakness and nothing in a good config."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from stockade.config import loads
from stockade.prevent.crypto.posture import configured, probed
from stockade.prevent.crypto.posture.certificates import fits

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Maker:
    """Makes certificates in a folder, signed by one authority."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        root = self._build(self._name, self._key, ["ca"], {"ca": True})
        (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))

    def _build(self, name: x509.Name, key: Key, names: list[str], options: dict[str, Any]) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name if options.get("self_signed") else self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(options.get("begin", NOW - datetime.timedelta(days=100)))
            .not_valid_after(options.get("end", now + datetime.timedelta(days=3650)))
            .add_extension(x509.BasicConstraints(ca=bool(options.get("ca")), path_length=None), critical=True)
        )
        if names:
            general: list[x509.GeneralName] = [x509.DNSName(one) for one in names]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        signer: Key = key if options.get("self_signed") else self._key
        return builder.sign(signer, options.get("hash", SHA256()))

    def make(self, stem: str, names: list[str], key: Key | None = None, **options: Any) -> str:
        """The flow mapping of a certificate in the config."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, stem)])
        certificate = self._build(name, key, names, options)
        (self.folder / f"{stem}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{stem}.key").write_bytes(secret)
        (self.folder / f"{stem}.key").chmod(options.get("mode", 0o600))
        return f"{{certificate_file: {stem}.crt, key_file: {stem}.key}}"


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("certificates"))


def codes(maker: Maker, text: str) -> list[str]:
    return [finding.code for finding in configured(loads(text, {}, maker.folder), NOW)]


def listener(certificate: str, host: str = "shop.example", more: str = "") -> str:
    return (
        f"gateway: {{listen: [{{address: '0.0.0.0:8443', tls: {{certificates: [{certificate}]{more}}}}}]}}\n"
        f"apis: {{shop: {{hosts: [{host}], upstream: 'https://shop.internal'}}}}"
    )


def test_a_good_config_has_nothing_to_tell(maker: Maker) -> None:
    assert codes(maker, listener(maker.make("good", ["shop.example"]))) == []
    assert codes(maker, "apis: {shop: {upstream: 'http://127.0.0.1:9000'}}") == []


def test_plain_listeners_upstreams_and_admin_are_told_with_their_line(maker: Maker) -> None:
    text = (
        "gateway: {listen: '0.0.0.0:8080'}\nadmin: {listen: '0.0.0.0:9440'}\napis: {a: {upstream: 'http://a.internal'}}"
    )
    found = configured(loads(text, {}, maker.folder), NOW)
    assert [(one.code, one.problem.line) for one in found] == [
        ("listener.plain", 1),
        ("upstream.plain", 3),
        ("admin.plain", 2),
    ]
    assert all(one.problem.hint for one in found)


@pytest.mark.parametrize(
    ("expected", "names", "options"),
    [
        ("expired", ["shop.example"], {"end": NOW - datetime.timedelta(days=1)}),
        ("expires_soon", ["shop.example"], {"end": NOW + datetime.timedelta(days=10)}),
        ("not_yet_valid", ["shop.example"], {"begin": NOW + datetime.timedelta(days=1)}),
        ("weak_key", ["shop.example"], {"key": rsa.generate_private_key(65537, 1024)}),
        ("weak_signature", ["shop.example"], {"hash": SHA1()}),
        ("no_names", [], {}),
        ("self_signed", ["shop.example"], {"self_signed": True}),
        ("names", ["other.example"], {}),
    ],
)
def test_each_weakness_of_a_certificate_is_found(
    maker: Maker, expected: str, names: list[str], options: dict[str, Any]
) -> None:
    try:
        certificate = maker.make(expected, names, **options)
    except Exception as error:
        if expected == "weak_signature":
            pytest.skip(f"this OpenSSL signs with SHA-1 no more: {error}")
        raise
    assert codes(maker, listener(certificate)) == [f"certificate.{expected}"]


def test_a_key_that_others_may_read_is_told(maker: Maker) -> None:
    assert codes(maker, listener(maker.make("readable", ["shop.example"], mode=0o644))) == ["key.readable"]


@pytest.mark.parametrize(
    ("name", "host", "good"),
    [
        ("shop.example", "shop.example", True),
        ("*.example", "shop.example", True),
        ("*.example", "a.shop.example", False),
        ("*.example", "example", False),
        ("shop.example", "other.example", False),
    ],
)
def test_a_wildcard_stands_for_one_label(name: str, host: str, good: bool) -> None:
    assert fits(name, host) is good


@contextmanager
def serving(maker: Maker, stem: str, version: ssl.TLSVersion | None, answer: bytes = b"") -> Iterator[int]:
    """Something that speaks TLS on a free port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(maker.folder / f"{stem}.crt", maker.folder / f"{stem}.key")
    if version is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = version
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(peer, server_side=True) as stream:
                        if stream.recv(4096):
                            stream.sendall(answer)
                except OSError:
                    continue

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


def probe(maker: Maker, text: str) -> list[str]:
    return [finding.code for finding in probed(loads(text, {}, maker.folder), datetime.datetime.now(datetime.UTC))]


def upstream(port: int, tls: str) -> str:
    return f"apis: {{a: {{upstream: {{targets: ['https://127.0.0.1:{port}'], tls: {tls}}}}}}}"


def test_an_upstream_that_verifies_is_good_and_one_that_does_not_is_told(maker: Maker) -> None:
    maker.make("origin", ["origin.internal"])
    with serving(maker, "origin", None) as port:
        assert probe(maker, upstream(port, "{ca_file: ca.pem, server_name: origin.internal}")) == []
        assert probe(maker, upstream(port, "{ca_file: ca.pem}")) == ["upstream.unverified"]
        assert probe(maker, upstream(port, "{server_name: origin.internal}")) == ["upstream.unverified"]
    assert probe(maker, upstream(port, "{ca_file: ca.pem}")) == ["upstream.unreachable"]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_upstream_that_takes_old_versions_is_told(maker: Maker) -> None:
    maker.make("old", ["origin.internal"])
    with serving(maker, "old", ssl.TLSVersion.TLSv1) as port:
        found = probe(maker, upstream(port, "{ca_file: ca.pem, server_name: origin.internal}"))
    assert found == ["upstream.old_version"]


def test_a_listener_without_transport_security_is_told(maker: Maker) -> None:
    certificate = maker.make("own", ["shop.example"])
    for header, expected in [
        ("", ["listener.no_hsts"]),
        ("Strict-Transport-Security: max-age=60\r\n", ["listener.no_hsts"]),
        ("Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n", []),
    ]:
        answer = f"HTTP/1.1 200 OK\r\n{header}Content-Length: 0\r\n\r\n".encode()
        with serving(maker, "own", None, answer) as port:
            text = (
                f"gateway: {{listen: [{{address: '127.0.0.1:{port}', tls: {{certificates: [{certificate}]}}}}]}}\n"
                "apis: {a: {hosts: [shop.example], upstream: 'http://127.0.0.1:1'}}"
            )
            assert probe(maker, text) == expected
