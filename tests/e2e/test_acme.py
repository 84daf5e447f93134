"""A certificate is obtained from a real ACME server, served, and renewed; without one the last good one stays."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from tests.e2e.certificates import Authority
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, free_port, until

DOMAINS = ["shop.test", "www.shop.test"]


class _Answer(socketserver.StreamRequestHandler):
    """Answers one question over TCP (RFC 1035 4.2.2): every name is 127.0.0.1."""

    def handle(self) -> None:
        query = self.rfile.read(struct.unpack("!H", self.rfile.read(2))[0])
        end = query.index(b"\0", 12) + 5
        is_address = query[end - 4 : end - 2] == b"\0\1"
        head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(is_address), 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH4s", 1, 1, 1, 4, bytes([127, 0, 0, 1]))
        answer = head + query[12:end] + record * int(is_address)
        self.wfile.write(struct.pack("!H", len(answer)) + answer)


class Pebble:
    """The test server of Let's Encrypt, with its own folder and ports."""

    def __init__(self, program: str, folder: Path, http_port: int) -> None:
        own = Authority(folder / "pebble")
        pair = own.issue("pebble", "localhost", "127.0.0.1")
        self.port, self.management, self.ca_file = free_port(), free_port(), own.file
        settings = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(pair.certificate),
            "privateKey": str(pair.key),
            "httpPort": http_port,
            "tlsPort": free_port(),
            "certificateValidityPeriod": 3600,
            "profiles": {"default": {"description": "d", "validityPeriod": 3600}},
        }
        file = folder / "pebble.json"
        file.write_text(json.dumps({"pebble": settings}))
        self._names = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Answer)
        threading.Thread(target=self._names.serve_forever, daemon=True).start()
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        self._log = (folder / "pebble.log").open("wb")
        self._process = subprocess.Popen(
            [program, "-config", str(file), "-strict", "-dnsserver", f"127.0.0.1:{self._names.server_address[1]}"],
            env=environment,
            stdout=self._log,
            stderr=self._log,
        )
        until(self._answers, 20, "pebble")

    def _answers(self) -> bool:
        try:
            self.roots()
        except httpx.TransportError:
            return False
        return True

    def roots(self) -> bytes:
        """The root that it issues by."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        return httpx.get(f"https://localhost:{self.management}/roots/0", verify=context).content

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        self._names.shutdown()
        self._names.server_close()
        self._log.close()


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def pebble(short_path: Path, ports: tuple[int, int]) -> Iterator[Pebble]:
    program = shutil.which("pebble")
    if program is None:
        pytest.skip("expected `pebble` (go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest)")
    started = Pebble(program, short_path, ports[0])
    yield started
    started.stop()


def settings(pebble: Pebble, ports: tuple[int, int]) -> dict[str, Any]:
    tls = {"certificates": [{"acme": DOMAINS}]}
    listen = [{"address": f"127.0.0.1:{ports[0]}"}, {"address": f"127.0.0.1:{ports[1]}", "tls": tls}]
    directory = f"https://localhost:{pebble.port}/dir"
    acme = {"directory": directory, "terms_agreed": True, "contact": ["ops@shop.test"], "ca_file": str(pebble.ca_file)}
    return {"gateway": {"listen": listen, "workers": 1}, "acme": acme}


def served(port: int) -> x509.Certificate:
    """The certificate that a listener shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", port), 5)
    with context.wrap_socket(plain, server_hostname=DOMAINS[0]) as stream:
        der = stream.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def is_obtained(stockade: Stockade, port: int) -> bool:
    """Whether a listener shows a certificate by the test server; a failed order ends the waiting."""
    log = stockade.log.read_text()
    assert "acme.order" not in log, log
    return b"Pebble" in served(port).issuer.public_bytes()


def start(factory: GatewayFactory, origin: Origin, pebble: Pebble, ports: tuple[int, int]) -> Stockade:
    stockade = factory(origin.url, run=False)
    whole = {"version": 1, "apis": {"main": {"upstream": origin.url}}, **settings(pebble, ports)}
    stockade.configure(whole)
    stockade.start()
    return stockade


@pytest.mark.slow
def test_a_certificate_is_obtained_served_and_renewed(
    origin: Origin, gateway_factory: GatewayFactory, pebble: Pebble, ports: tuple[int, int], short_path: Path
) -> None:
    stockade = start(gateway_factory, origin, pebble, ports)
    until(lambda: is_obtained(stockade, ports[1]), 60, "certificate")
    roots = short_path / "roots.pem"
    roots.write_bytes(pebble.roots())
    context = ssl.create_default_context(cafile=str(roots))
    first = served(ports[1])
    for domain in DOMAINS:
        plain = socket.create_connection(("127.0.0.1", ports[1]), 5)
        with context.wrap_socket(plain, server_hostname=domain) as stream:
            assert stream.version() == "TLSv1.3"
    file = stockade.data / "acme" / "certificates" / f"{DOMAINS[0]}.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list((stockade.data / "acme" / "challenges").iterdir()) == []
    # The order is closed, so the path is the API's own again.
    answer = httpx.get(f"http://127.0.0.1:{ports[0]}/.well-known/acme-challenge/abc")
    assert answer.status_code == 200
    assert origin.requests[-1].target.startswith("/.well-known/acme-challenge/abc")

    # What is there is for other names: due at once. Clients never meet a listener without a certificate.
    file.write_bytes(
        (short_path / "pebble" / "pebble.key").read_bytes() + (short_path / "pebble" / "pebble.crt").read_bytes()
    )
    until(lambda: is_obtained(stockade, ports[1]) and served(ports[1]) != first, 60, "renewal")


@pytest.mark.slow
def test_an_authority_that_cannot_reach_us_leaves_the_placeholder_and_is_not_asked_at_once_again(
    origin: Origin, gateway_factory: GatewayFactory, pebble: Pebble, ports: tuple[int, int]
) -> None:
    other = free_port()
    stockade = start(gateway_factory, origin, pebble, (other, ports[1]))
    state = stockade.data / "acme" / "state.json"
    told = until(lambda: json.loads(state.read_text()).get(DOMAINS[0]) if state.exists() else None, 60, "failure")
    assert told["failures"] == 1
    assert told["not_before"] > time.time_ns() // 1000
    assert b"placeholder" in served(ports[1]).subject.public_bytes()
    assert "acme.order" in stockade.log.read_text()
    assert httpx.get(f"http://127.0.0.1:{other}/items").status_code == 200
