"""A gateway alone in front of a small origin, in clear and over TLS, for suites that others wrote."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stockade.app import wiring


@dataclass(frozen=True)
class Ports:
    """Where the gateway listens."""

    clear: int
    tls: int


class Origin(BaseHTTPRequestHandler):
    """Reads what it is sent and answers 200 with the number of bytes."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        text = f'{{"bytes": {len(body)}}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815 (named by http.server)

    def handle(self) -> None:
        """Takes a connection that the gateway cancels as what it is."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_certificate(folder: Path) -> None:
    """A self-signed leaf for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "leaf.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


@pytest.fixture(scope="session")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    folder = tmp_path_factory.mktemp("conformance")
    write_certificate(folder)
    origin = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    threading.Thread(target=origin.serve_forever, daemon=True).start()
    found = Ports(free_port(), free_port())
    config = folder / "stockade.yaml"
    config.write_text(
        f"""
version: 1
gateway:
  listen:
    - address: 127.0.0.1:{found.clear}
    - address: 127.0.0.1:{found.tls}
      tls: {{certificates: [{{certificate_file: leaf.pem, key_file: leaf.key}}]}}
  timeouts: {{head: 2s, body: 2s}}
data: data
apis:
  conformance:
    upstream: http://127.0.0.1:{origin.server_address[1]}
"""
    )
    wiring.write_bundle(config)
    process = subprocess.Popen([sys.executable, "-m", "stockade", "gateway", "--data", str(folder / "data")])
    try:
        end = time.monotonic() + 20
        for port in (found.clear, found.tls):
            while time.monotonic() < end:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
        yield found
    finally:
        process.terminate()
        process.wait(40)
        origin.shutdown()
        origin.server_close()
