"""What traffic shows becomes an OpenAPI document that can be read back and says nothing of values."""

import json
from dataclasses import replace
from pathlib import Path

from stockade.prevent.inventory import openapi
from stockade.prevent.inventory.openapi.writer import document
from stockade.prevent.inventory.seen import BodySeen, DataSeen, FieldSeen, OperationSeen, ParameterSeen


def field(name: str, *types: str, required: bool = True, form: str | None = None, data: str | None = None) -> FieldSeen:
    found = (DataSeen(data, 0.9, "value"),) if data else ()
    return FieldSeen(name, types, form, 20, required, found)


BODY = BodySeen(
    "request",
    None,
    "application/json",
    20,
    (
        field("customer", "object"),
        field("customer.email", "string", form="email", data="email"),
        field("customer.nick", "string", "null", required=False),
        field("items", "array"),
        field("items[]", "object"),
        field("items[].sku", "string", form="uuid"),
        field("items[].price", "integer", "number"),
        field("labels", "object"),
        field("labels.{}", "string"),
        field("matrix", "array"),
        field("matrix[][]", "integer"),
    ),
)
FORM = BodySeen(
    "request",
    None,
    "multipart/form-data",
    20,
    (field("picture", "file"), field("width", "string", form="integer")),
)
LIST = BodySeen("response", 200, "application/json", 20, (field("$", "array"), field("[].id", "integer")))


def operation(method: str, path: str, *bodies: BodySeen, samples: int = 20, **more: object) -> OperationSeen:
    parameters = (
        ParameterSeen("order_id", "path", "integer", None, samples, True),
        ParameterSeen("tag", "query", "string", None, 3, False, repeated=True),
    )
    return OperationSeen(
        "shop", method, path, None, samples, parameters if "{" in path else (), bodies, (200, 404, 500)
    )


def test_bodies_become_schemas() -> None:
    written = document("shop", "/v1", [operation("POST", "/v1/orders", BODY, FORM, LIST)])
    post = written["paths"]["/orders"]["post"]
    content = post["requestBody"]["content"]
    assert content["application/json"]["schema"] == {
        "type": "object",
        "properties": {
            "customer": {
                "type": "object",
                "properties": {
                    "email": {"type": "string", "format": "email", "x-data-class": "email"},
                    "nick": {"type": ["null", "string"]},
                },
                "required": ["email"],
            },
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"sku": {"type": "string", "format": "uuid"}, "price": {"type": "number"}},
                    "required": ["sku", "price"],
                },
            },
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "matrix": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        },
        "required": ["customer", "items", "labels", "matrix"],
    }
    assert content["multipart/form-data"]["schema"]["properties"] == {
        "picture": {"type": "string", "format": "binary"},
        "width": {"type": "integer"},
    }
    assert set(post["responses"]) == {"200", "404"}, "a crash is no promise"
    response = post["responses"]["200"]["content"]["application/json"]["schema"]
    assert response["type"] == "array"
    assert response["items"]["properties"] == {"id": {"type": "integer"}}


def test_few_samples_require_nothing() -> None:
    written = document("shop", "/", [operation("POST", "/orders", replace(BODY, samples=2), samples=2)])
    body = written["paths"]["/orders"]["post"]["requestBody"]
    assert body["required"] is False
    assert "required" not in json.dumps(body["content"])


def test_it_can_be_read_back(tmp_path: Path) -> None:
    seen = [
        operation("GET", "/v1/orders/{order_id}"),
        operation("POST", "/v1/orders/{order_id}", BODY, LIST),
        operation("TRACE", "/v1/orders/{order_id}"),
        operation("GET", "/v1"),
    ]
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document("shop", "/v1", seen)))
    inventory = openapi.read(file)
    assert inventory.base_path == "/v1"
    assert {operation.id: (operation.method, operation.path) for operation in inventory.operations} == {
        "get": ("GET", "/"),
        "getOrdersByOrderId": ("GET", "/orders/{order_id}"),
        "postOrdersByOrderId": ("POST", "/orders/{order_id}"),
    }
