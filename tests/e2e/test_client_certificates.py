"""Clients prove themselves by certificate, on HTTP/1.1 and HTTP/2; upstreams are shown one."""

from __future__ import annotations

import base64
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.e2e.certificates import Authority, Pair
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import free_port, until


def listener(authority: Authority, port: int, **clients: Any) -> dict[str, Any]:
    served = authority.issue("server", "localhost", "127.0.0.1")
    settings = {"ca_file": str(authority.file), **clients}
    tls = {"certificates": [served.config()], "client_certificates": settings}
    return {"listen": [{"address": f"127.0.0.1:{port}", "tls": tls}]}


def ask(authority: Authority, port: int, pair: Pair | None, *, http2: bool = False, **options: Any) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(authority.file))
    if pair is not None:
        context.load_cert_chain(pair.certificate, pair.key)
    with httpx.Client(verify=context, http2=http2, timeout=10) as client:
        return client.get(f"https://localhost:{port}/items", **options)


@pytest.mark.parametrize("http2", [False, True])
def test_a_verified_certificate_is_passed_on_and_a_forged_field_is_not(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path, http2: bool
) -> None:
    authority, port = Authority(tmp_path), free_port()
    robot = authority.issue("robot", "spiffe://example/ns/robot")
    upstream = {"targets": [origin.url], "forward_client_certificate": True}
    gateway_factory(upstream, gateway=listener(authority, port, mode="optional"))
    forged = {"client-cert": ":AAAA:", "client-cert-chain": ":AAAA:"}
    assert ask(authority, port, robot, http2=http2, headers=forged).status_code == 200
    assert ask(authority, port, None, http2=http2, headers=forged).status_code == 200
    shown, hidden = (dict(request.headers) for request in origin.requests[-2:])
    der = x509.load_pem_x509_certificate(robot.certificate.read_bytes()).public_bytes(Encoding.DER)
    assert shown["client-cert"] == f":{base64.b64encode(der).decode()}:"
    assert "client-cert-chain" not in shown
    assert "client-cert" not in hidden


def test_without_a_certificate_or_with_a_revoked_one_no_request_is_heard(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path
) -> None:
    authority, port = Authority(tmp_path), free_port()
    good, bad = authority.issue("good", "a.example"), authority.issue("bad", "b.example")
    stranger = Authority(tmp_path / "other").issue("stranger", "c.example")
    lists = [str(authority.revoke())]
    stockade = gateway_factory(origin.url, gateway=listener(authority, port, mode="required", crl_files=lists))
    assert ask(authority, port, good).status_code == 200
    assert ask(authority, port, bad).status_code == 200
    for pair in (None, stranger):
        with pytest.raises(httpx.TransportError):
            ask(authority, port, pair)
    heard = len(origin.requests)
    # The file changes, and so does who is let in, without a restart.
    authority.revoke(bad)

    def refused() -> bool:
        try:
            ask(authority, port, bad)
        except httpx.TransportError:
            return True
        return False

    until(refused, 15, "revocation")
    assert ask(authority, port, good).status_code == 200
    assert len(origin.requests) >= heard + 1
    assert stockade.process is not None


def test_an_upstream_that_asks_for_a_certificate_is_shown_one(gateway_factory: GatewayFactory, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    served, own = authority.issue("origin", "localhost"), authority.issue("gateway", "gateway.example")

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            peer: Any = self.connection
            name = str(peer.getpeercert()["subject"][0][0][1]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(name)))
            self.end_headers()
            self.wfile.write(name)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.file))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(served.certificate, served.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    targets = [f"https://localhost:{server.server_address[1]}"]
    tls = {"ca_file": str(authority.file), "client_certificate": own.config()}
    stockade = gateway_factory({"targets": targets, "tls": tls})
    with stockade.client() as client:
        assert client.get("/").text == "gateway"
    without = gateway_factory({"targets": targets, "tls": {"ca_file": str(authority.file)}})
    with without.client() as client:
        assert client.get("/").status_code == 502
    server.shutdown()
    server.server_close()
