"""What is not plain request and response: WebSocket, SSE, gRPC, HTTP/2, uploads."""

from __future__ import annotations

import datetime
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no types
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve


@pytest.fixture
def echo() -> Iterator[str]:
    """A WebSocket server that sends back what it gets."""

    def answer(connection: ServerConnection) -> None:
        for message in connection:
            connection.send(message)

    server = serve(answer, "127.0.0.1", 0, max_size=8 * 1024 * 1024)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    server.shutdown()


def test_a_websocket_carries_messages_both_ways(echo: str, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(echo)
    with connect(f"ws://127.0.0.1:{stockade.port}/chat") as socket:
        assert socket.response is not None
        exchange_id = socket.response.headers["x-stockade-id"]
        for message in ("hello", b"\x00\xff", "x" * 100_000, ""):
            socket.send(message)
            assert socket.recv(timeout=5) == message
    event = stockade.event(exchange_id)
    assert event.verdict == "allowed"
    assert event.response is not None
    assert event.response.status == 101


def test_a_websocket_message_above_the_limit_closes_with_1009(echo: str, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(echo, gateway={"limits": {"websocket_message": "64KiB"}})
    with connect(f"ws://127.0.0.1:{stockade.port}/chat", max_size=None) as socket:
        socket.send("x" * 100_000)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


def test_server_sent_events_arrive_as_they_are_sent(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    arrivals: list[float] = []
    with stockade.client() as client, client.stream("GET", "/stream?n=5") as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        exchange_id = answer.headers["x-stockade-id"]
        lines = []
        for line in answer.iter_lines():
            if line:
                arrivals.append(time.monotonic())
                lines.append(line)
    assert lines == [f"data: {number}" for number in range(5)]
    # Sent 100 ms apart: a gateway that held them back would hand them over together.
    assert arrivals[-1] - arrivals[0] > 0.25
    assert stockade.event(exchange_id).verdict == "allowed"


def test_an_upload_beyond_the_inspected_part_is_streamed(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    content = bytes(range(256)) * (12 * 1024)
    headers = {"content-type": "application/octet-stream"}
    with stockade.client() as client:
        answer = client.put("/files/1", content=content, headers=headers)
        assert answer.status_code == 200
        chunked = client.put("/files/2", content=iter([content[:1000], content[1000:]]), headers=headers)
        assert chunked.status_code == 200
        too_long = client.put("/files/3", content=b"x" * (11 * 1024 * 1024), headers=headers)
        assert too_long.status_code == 413
    assert [request.body for request in origin.requests] == [content, content]


class Greeter:
    """Bytes in, bytes out; one method of each kind, and one that fails."""

    def service(self, details: Any) -> Any:
        match details.method:
            case "/shop.Greeter/Once":
                return grpc.unary_unary_rpc_method_handler(lambda request, _context: b"hi " + request)
            case "/shop.Greeter/Many":
                return grpc.unary_stream_rpc_method_handler(
                    lambda request, _context: (request + str(number).encode() for number in range(5))
                )
            case "/shop.Greeter/Both":
                return grpc.stream_stream_rpc_method_handler(lambda requests, _context: (item for item in requests))
            case "/shop.Greeter/Fail":
                return grpc.unary_unary_rpc_method_handler(_fail)
            case _:
                return None


def _fail(_request: bytes, context: Any) -> bytes:
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    raise AssertionError("abort raises")


@pytest.fixture
def greeter() -> Iterator[str]:
    """A gRPC server."""
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Greeter()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_grpc_of_every_kind_passes_with_its_trailers(greeter: str, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(greeter)
    with grpc.insecure_channel(f"127.0.0.1:{stockade.port}") as channel:
        assert channel.unary_unary("/shop.Greeter/Once")(b"ann", timeout=10) == b"hi ann"
        assert list(channel.unary_stream("/shop.Greeter/Many")(b"n", timeout=10)) == [b"n0", b"n1", b"n2", b"n3", b"n4"]
        sent = [b"a", b"b" * 100_000, b"c"]
        assert list(channel.stream_stream("/shop.Greeter/Both")(iter(sent), timeout=10)) == sent
        with pytest.raises(grpc.RpcError) as failed:
            channel.unary_unary("/shop.Greeter/Fail")(b"", timeout=10)
        assert failed.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert failed.value.details() == "not today"
    events = until(lambda: len(stockade.exchanges()) == 4 and stockade.exchanges(), what="four events")
    assert {event.verdict for event in events} == {"allowed"}
    assert {event.request.version for event in events if event.request} == {"2"}


@pytest.fixture
def certificate(short_path: Path) -> tuple[Path, Path]:
    """A certificate for `localhost` and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = short_path / "tls.crt", short_path / "tls.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


@pytest.mark.parametrize(("http2", "version"), [(True, "HTTP/2"), (False, "HTTP/1.1")])
def test_both_versions_are_served_over_tls(
    origin: Origin,
    gateway_factory: GatewayFactory,
    certificate: tuple[Path, Path],
    http2: bool,
    version: str,
) -> None:
    certificate_file, key_file = certificate
    stockade = gateway_factory(origin.url, run=False)
    pair = {"certificate_file": str(certificate_file), "key_file": str(key_file)}
    listener = {"address": f"127.0.0.1:{stockade.port}", "tls": {"certificates": [pair]}}
    stockade.configure({"version": 1, "apis": {"main": {"upstream": origin.url}}, "gateway": {"listen": [listener]}})
    stockade.start()
    trusted = ssl.create_default_context(cafile=str(certificate_file))
    with httpx.Client(
        base_url=f"https://localhost:{stockade.port}", http1=not http2, http2=http2, verify=trusted
    ) as client:
        answers = [client.post("/items", json={"number": number}) for number in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.http_version for answer in answers} == {version}
        refused = client.get("/items?q=1%27%20UNION%20SELECT%20password%20FROM%20users--")
        assert refused.status_code == 403
    event = stockade.event(answers[0].headers["x-stockade-id"])
    assert event.client.tls is not None
    assert event.client.tls.version == "TLSv1.3"
    assert origin.requests[0].headers["x-forwarded-proto"] == "https"


def test_an_encoded_slash_reaches_an_upstream_that_wants_it(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, api={"path_forms": ["encoded_slash"]})
    with stockade.client() as client:
        assert client.get("/projects/group%2Fshop").status_code == 200
        assert client.get("/projects//shop").status_code == 400
    assert [request.target for request in origin.requests] == ["/projects/group%2Fshop"]
