"""The contract through a running gateway: an OpenAPI document in files, responses, GraphQL and gRPC."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]  # it ships no types
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until
from tests.unit.prevent.inventory.test_grpc_descriptors import field, text

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/orders": {
            "post": {
                "operationId": "createOrder",
                "parameters": [
                    {"name": "filter", "in": "query", "style": "deepObject", "schema": {"type": "object"}},
                    {"name": "ids", "in": "query", "explode": False, "schema": {"type": "array", "maxItems": 2}},
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "schemas/order.yaml#/Order"}}},
                },
                "responses": {
                    "200": {
                        "content": {
                            "application/json": {
                                "schema": {"type": "object", "properties": {"method": {"type": "string"}}}
                            }
                        }
                    }
                },
            }
        }
    },
}
SCHEMAS = """
Order:
  type: object
  required: [payment]
  properties:
    id: {type: integer, readOnly: true}
    payment:
      oneOf: [{$ref: '#/Card'}, {$ref: '#/Invoice'}]
      discriminator: {propertyName: kind, mapping: {card: '#/Card', invoice: '#/Invoice'}}
Card: {type: object, required: [token], properties: {kind: true, token: {type: string}}}
Invoice: {type: object, required: [days], properties: {kind: true, days: {type: [integer, 'null'], maximum: 90}}}
"""


def write_document(folder: Path) -> str:
    (folder / "schemas").mkdir(exist_ok=True)
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    (folder / "schemas" / "order.yaml").write_text(SCHEMAS)
    return str(folder / "openapi.json")


def start(gateway_factory: GatewayFactory, origin: Origin, folder: Path, **contract: Any) -> Stockade:
    return gateway_factory(origin.url, api={"spec": write_document(folder), "contract": contract})


def test_requests_are_held_against_a_document_in_several_files(
    origin: Origin, gateway_factory: GatewayFactory, short_path: Path
) -> None:
    stockade = start(gateway_factory, origin, short_path, unknown_fields="refuse")
    good = {"payment": {"kind": "card", "token": "x"}}
    with stockade.client() as client:
        assert client.post("/orders", json=good).status_code == 200
        assert client.post("/orders?filter[a]=1&ids=1,2", json=good).status_code == 200
        assert client.post("/orders", json={"payment": {"kind": "invoice", "days": None}}).status_code == 200
        for path, body, reason, detail in [
            ("/orders?ids=1,2,3", good, "contract.parameter", "query parameter `ids`"),
            ("/orders?other=1", good, "contract.unknown_parameter", "`other`"),
            ("/orders", {"payment": {"kind": "card", "days": 1}}, "contract.body", '"token" is a required property'),
            ("/orders", {"payment": {"kind": "invoice", "days": 91}}, "contract.body", "body.payment.days"),
            ("/orders", {**good, "id": 1}, "contract.body", "body.id: expected it not to be sent"),
            ("/orders", {**good, "role": "admin"}, "contract.unknown_field", "body.role"),
        ]:
            answer = client.post(path, json=body)
            assert answer.status_code == 400
            refusal = stockade.event(answer.headers["x-stockade-id"]).refusals[-1]
            assert refusal.reason == reason
            assert detail in refusal.detail
    assert len(origin.requests) == 3


def test_responses_are_reported_and_refused(origin: Origin, gateway_factory: GatewayFactory, short_path: Path) -> None:
    good = {"payment": {"kind": "card", "token": "x"}}
    stockade = start(gateway_factory, origin, short_path)
    with stockade.client() as client:
        answers = [client.post("/orders", json=good) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    first, second = (stockade.event(answer.headers["x-stockade-id"]) for answer in answers)
    assert {finding.place for finding in first.findings} == {"response.bytes", "response.target"}
    assert {finding.detector for finding in first.findings} == {"contract.response_field"}
    assert second.findings == (), "each difference is told once an hour"
    stockade = start(gateway_factory, origin, short_path, responses="refuse")
    with stockade.client() as client:
        answer = client.post("/orders", json=good)
    assert answer.status_code == 502
    assert stockade.event(answer.headers["x-stockade-id"]).refusals[-1].reason == "contract.response_field"


def test_a_document_that_is_wrong_changes_nothing(
    origin: Origin, gateway_factory: GatewayFactory, short_path: Path
) -> None:
    stockade = start(gateway_factory, origin, short_path)
    (short_path / "schemas" / "order.yaml").write_text(SCHEMAS.replace("type: string", "type: text"))
    until(lambda: not stockade.readiness()["parts"]["config"]["ok"], 20, "the problem")
    assert "order.yaml" in json.dumps(stockade.readiness()["parts"]["config"])
    with stockade.client() as client:
        assert client.post("/orders", json={"payment": {"kind": "card", "token": "x"}}).status_code == 200


def test_graphql_is_bounded_listed_and_counted(
    origin: Origin, gateway_factory: GatewayFactory, short_path: Path
) -> None:
    (short_path / "schema.graphql").write_text(
        "type Query { me: User users(first: Int): [User] } type User { name: String email: String friends: [User] }"
    )
    graphql = {"sdl": str(short_path / "schema.graphql"), "depth": 3, "cost": 200, "fields": [{"fields": ["*.email"]}]}
    points = {"name": "points", "by": ["address"], "count": "cost", "rate": "150/h", "cost": [{"graphql": True}]}
    stockade = gateway_factory(origin.url, api={"contract": {"graphql": graphql}, "limits": [points]})
    with stockade.client() as client:

        def asked(query: str) -> tuple[int, str | None]:
            answer = client.post("/graphql", json={"query": query})
            refusals = stockade.event(answer.headers["x-stockade-id"]).refusals
            return answer.status_code, refusals[-1].reason if refusals else None

        assert asked("{ me { name } }") == (200, None)
        assert asked("{ me { friends { friends { name } } } }") == (400, "contract.graphql_size")
        assert asked("{ users(first: 300) { name } }") == (400, "contract.graphql_cost")
        assert asked("{ me { secret } }") == (400, "contract.graphql_document")
        assert asked("{ me { email } }") == (403, "contract.graphql_field")
        assert asked("{ __schema { types { name } } }") == (403, "contract.graphql_introspection")
        assert asked("{ users(first: 100) { name } }") == (200, None)
        assert asked("{ users(first: 100) { name } }") == (429, "limit.reached")
        assert client.get("/other").status_code == 200
    assert [request.target for request in origin.requests] == ["/graphql", "/graphql", "/other"]


class _Orders:
    """Any method of a service; answers what it was sent."""

    def service(self, details: Any) -> Any:
        del details
        return grpc.unary_unary_rpc_method_handler(lambda request, _context: request)


@pytest.fixture
def orders() -> Iterator[str]:
    """A gRPC server."""
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[_Orders()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_grpc_methods_and_messages_are_those_of_the_descriptor_set(
    orders: str, gateway_factory: GatewayFactory, short_path: Path
) -> None:
    # message Get { string id = 1; }  service Orders { rpc Get(Get) returns (Get); rpc Drop(Get) returns (Get); }
    get, drop = (text(2, text(1, name) + text(2, ".shop.Get") + text(3, ".shop.Get")) for name in ("Get", "Drop"))
    message = text(4, text(1, "Get") + field("id", 1, 9))
    file = short_path / "shop.binpb"
    file.write_bytes(text(1, text(2, "shop") + message + text(6, text(1, "Orders") + get + drop)))
    settings = {"descriptors": str(file), "methods": ["shop.Orders/Get"], "message": "100B"}
    stockade = gateway_factory(orders, api={"contract": {"grpc": settings}})
    with grpc.insecure_channel(f"127.0.0.1:{stockade.port}") as channel:

        def call(path: str, message: bytes) -> bytes:
            answer: bytes = channel.unary_unary(path)(message, timeout=10)
            return answer

        assert call("/shop.Orders/Get", b"\x0a\x02hi") == b"\x0a\x02hi"
        for path, sent in [
            ("/shop.Orders/Drop", b""),
            ("/grpc.health.v1.Health/Check", b""),
            ("/shop.Orders/Get", b"\x10\x01"),
            ("/shop.Orders/Get", b"\x0a\x7f" + b"x" * 127),
        ]:
            with pytest.raises(grpc.RpcError):
                call(path, sent)
    events = until(lambda: len(stockade.exchanges()) == 5 and stockade.exchanges(), what="five events")
    reasons = sorted(refusal.reason for event in events for refusal in event.refusals)
    assert reasons == ["contract.grpc_message", "contract.grpc_method", "contract.grpc_method", "contract.grpc_size"]


def test_a_contract_is_learned_from_traffic_and_then_holds(
    origin: Origin, gateway_factory: GatewayFactory, short_path: Path
) -> None:
    learning = gateway_factory(origin.url, api={"mode": "monitor"})
    orders = [{"product": f"p-{number}", "amount": number, "lines": [{"sku": "a", "count": 1}]} for number in range(12)]
    with learning.client() as client:
        for number, order in enumerate(orders):
            assert client.post("/orders", json=order).status_code == 200
            assert client.get(f"/orders/{number + 100}?page={number}").status_code == 200
    document = short_path / "learned.yaml"

    def learned() -> Any:
        command = [sys.executable, "-m", "stockade", "contract", "learn", "--data", str(learning.data), "--json"]
        done = subprocess.run([*command, "--out", str(document)], capture_output=True, text=True)
        told = json.loads(done.stdout) if done.returncode == 0 else {}
        paths = told.get("document", {}).get("paths", {})
        body = paths.get("/orders", {}).get("post", {}).get("requestBody")
        return paths if body and len(paths) == 2 and "schema" in json.dumps(body) else None

    paths = until(learned, 60, "a document")
    assert set(paths) == {"/orders", "/orders/{order_id}"}
    schema = paths["/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["amount"] == {"type": "integer"}
    assert schema["properties"]["lines"]["items"]["properties"]["sku"] == {"type": "string"}
    assert {"amount", "product"} <= set(schema["required"])
    learning.stop()
    holding = gateway_factory(
        origin.url, api={"spec": str(document), "contract": {"unknown_fields": "refuse", "responses": "refuse"}}
    )
    with holding.client() as client:
        assert client.post("/orders", json=orders[0]).status_code == 200
        assert client.get("/orders/7?page=1").status_code == 200
        assert client.get("/orders/x").status_code == 400
        assert client.get("/other").status_code == 404
        assert client.post("/orders", json={**orders[0], "role": "admin"}).status_code == 400
        assert client.post("/orders", json={**orders[0], "amount": "many"}).status_code == 400
