from __future__ import annotations

from typing import Any

from stockade.prevent.inventory.declared import Declared
from stockade.prevent.inventory.drift import ENOUGH, drift
from stockade.prevent.inventory.observe import Templates, fields_of, observe
from stockade.prevent.inventory.seen import DataSeen, OperationSeen

DECLARED = [Declared("shop", "getOrder", "GET", "/orders/{order_id}", base_path="/v1")]
UNDECLARED = [
    {"api": "shop", "method": "GET", "path": f"/v1/users/{number}", "exchanges": 1} for number in range(100, 130)
]


def request(path: str, operation: str | None = None, query: str | None = None, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "api": "shop",
        "operation": operation,
        "method": "GET",
        "path": path,
        "query": query,
        "status": 200,
        "request_type": None,
        "response_type": "application/json",
    }
    return {**row, **more}


def told(path: str | None, operation: str | None, response: str, samples: int, **more: Any) -> dict[str, Any]:
    row = request(path or "", operation)
    return {**row, "request_fields": None, "response_fields": response, "recent": 0, "samples": samples, **more}


def shape(*fields: str) -> str:
    return "\x1f".join(fields)


def found(requests: list[dict[str, Any]], fields: list[dict[str, Any]]) -> dict[str, OperationSeen]:
    operations = observe(Templates(DECLARED, UNDECLARED), requests, fields)
    return {one.path: one for one in operations}


def test_parameters_have_the_types_of_their_values() -> None:
    requests = [request(f"/v1/users/{number}", query=f"page={number}&q=a{number}") for number in range(100, 110)]
    requests += [request("/v1/users/7", query="page=1&page=2&ratio=0.5&mail=[email]&to=%2B49+30+1234567")]
    seen = found(requests, [])["/v1/users/{user_id}"]
    by_name = {one.name: one for one in seen.parameters}
    assert (by_name["user_id"].place, by_name["user_id"].type, by_name["user_id"].required) == ("path", "integer", True)
    assert (by_name["page"].type, by_name["page"].required, by_name["page"].repeated) == ("integer", True, True)
    assert (by_name["q"].type, by_name["q"].required) == ("string", False)
    assert by_name["ratio"].type == "number"
    assert by_name["mail"].format == "email"
    assert by_name["mail"].data == (DataSeen("email", 0.95, "value"),)
    assert by_name["to"].data == (DataSeen("phone", 0.8, "value"),)
    assert seen.statuses == (200,)
    assert seen.samples == 11


def test_bodies_are_put_together_from_their_shapes() -> None:
    shapes = {
        shape("id:integer::", "customer.email:string:email:email", "items[].sku:string::"): 8,
        shape("id:integer::", "note:string::", "note:null::", "items:array::"): 2,
    }
    fields = {one.field: one for one in fields_of(shapes)}
    assert fields["id"].required
    assert fields["id"].count == 10
    assert fields["customer.email"].required, "wherever there is a customer"
    assert fields["customer.email"].format == "email"
    assert fields["customer.email"].data == (DataSeen("email", 0.95, "value"),)
    assert fields["items[].sku"].required
    assert not fields["note"].required
    assert fields["note"].types == ("string", "null")


def test_a_chance_hit_is_no_data_and_a_name_is_half_of_one() -> None:
    shapes = {
        shape("serial:integer::card", "birthDate:string:date:"): 1,
        shape("serial:integer::", "birthDate:string:date:"): 30,
    }
    fields = {one.field: one for one in fields_of(shapes)}
    assert fields["serial"].data == ()
    assert fields["birthDate"].data == (DataSeen("birth", 0.5, "name"),)


def test_an_operation_is_known_by_its_id_or_by_its_template() -> None:
    fields = [
        told(None, "getOrder", shape("id:string:uuid:"), 5, request_type=None),
        told("/v1/users/104", None, shape("name:string::"), 3),
        told("/v1/users/105", None, shape("name:string::"), 4),
        told("/v1/elsewhere", None, shape("name:string::"), 4),
    ]
    seen = found([], fields)
    assert set(seen) == {"/v1/orders/{order_id}", "/v1/users/{user_id}"}
    body = seen["/v1/users/{user_id}"].body("response")
    assert body is not None
    assert (body.samples, body.status, body.media_type) == (7, 200, "application/json")


def test_what_a_refused_request_held_is_not_what_the_operation_takes() -> None:
    rows = [
        told(None, "getOrder", "", 5, request_fields=shape("a:string::"), response_fields=None, status=400),
        told(None, "getOrder", "", 5, request_fields=shape("b:string::"), response_fields=None, status=201),
    ]
    body = found([], rows)["/v1/orders/{order_id}"].body("request")
    assert body is not None
    assert [one.field for one in body.fields] == ["b"]


def test_drift_tells_what_is_new_gone_and_of_another_type() -> None:
    before = shape("id:integer::", "name:string::", "seldom:string::")
    often = shape("id:integer::", "name:string::")
    now = shape("id:string:uuid:", "address.city:string::")
    rows = [
        told(None, "getOrder", before, 1),
        told(None, "getOrder", often, ENOUGH),
        told(None, "getOrder", now, ENOUGH, recent=1),
    ]
    changes = drift(Templates(DECLARED, []), rows)["shop", "GET", "/v1/orders/{order_id}"]
    assert [(one.field, one.change) for one in changes] == [
        ("address.city", "new"),
        ("id", "type"),
        ("name", "gone"),
    ]
    assert changes[1].detail == "was integer, now string"
    few = [told(None, "getOrder", often, ENOUGH), told(None, "getOrder", now, ENOUGH - 1, recent=1)]
    assert drift(Templates(DECLARED, []), few) == {}
