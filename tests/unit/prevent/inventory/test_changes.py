"""What changed between two versions of a contract, and whether clients break."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from stockade.prevent.inventory import openapi
from stockade.prevent.inventory.openapi.changes import changes

OLD: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "1"},
    "paths": {
        "/orders/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {
                "parameters": [{"name": "page", "in": "query", "schema": {"type": "integer", "maximum": 100}}],
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}}
                },
            },
            "put": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}}},
                "responses": {"204": {}},
            },
        }
    },
    "components": {
        "schemas": {
            "Order": {
                "type": "object",
                "required": ["state"],
                "properties": {
                    "state": {"enum": ["new", "paid"]},
                    "note": {"type": "string", "maxLength": 100},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Order"}},
                },
            }
        }
    },
}
ORDER = OLD["components"]["schemas"]["Order"]


def compared(folder: Path, change: Any) -> list[tuple[str, str, str, bool]]:
    new = copy.deepcopy(OLD)
    change(new)
    for name, document in (("old", OLD), ("new", new)):
        (folder / f"{name}.json").write_text(json.dumps(document))
    old, came = (openapi.read(folder / f"{name}.json") for name in ("old", "new"))
    return [(one.operation.split(" ")[0], one.place, one.what, one.breaks) for one in changes(old, came)]


def order(document: dict[str, Any]) -> Any:
    return document["components"]["schemas"]["Order"]


def item(document: dict[str, Any]) -> Any:
    return document["paths"]["/orders/{id}"]


def test_the_same_document_has_no_changes(tmp_path: Path) -> None:
    assert compared(tmp_path, lambda new: new) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda new: item(new).pop("put"), [("PUT", "", "was taken out", True)]),
        (lambda new: item(new).update(delete={"responses": {}}), [("DELETE", "", "was added", False)]),
        (
            lambda new: item(new)["get"]["parameters"][0]["schema"].update(maximum=50),
            [("GET", "query.page", "`maximum` 100 became 50", True)],
        ),
        (
            lambda new: item(new)["get"]["parameters"].append({"name": "q", "in": "query", "required": True}),
            [("GET", "query.q", "was added and is required", True)],
        ),
        (lambda new: item(new)["get"].pop("parameters"), [("GET", "query.page", "was taken out", True)]),
        (
            lambda new: order(new)["properties"]["state"]["enum"].append("void"),
            [
                ("GET", "response 200.state", "takes 'void' as well", True),
                ("PUT", "request.state", "takes 'void' as well", False),
            ],
        ),
        (
            lambda new: order(new)["required"].append("note"),
            [
                ("PUT", "request.note", "became required", True),
                ("GET", "response 200.note", "became required", False),
            ],
        ),
        (
            lambda new: order(new)["properties"]["note"].update(type=["string", "null"]),
            [
                ("GET", "response 200.note", "type string became null, string", True),
                ("PUT", "request.note", "type string became null, string", False),
            ],
        ),
        (
            lambda new: item(new)["put"]["requestBody"].update(required=True),
            [("PUT", "request", "became required", True)],
        ),
        (
            lambda new: item(new)["get"]["responses"].update({"404": {}}),
            [("GET", "response 404", "was added", False)],
        ),
        (lambda new: item(new)["get"].update(deprecated=True), [("GET", "", "became deprecated", False)]),
        (lambda new: item(new)["put"].update(security=[{"k": []}]), []),
    ],
)
def test_each_change_is_told_with_its_place(tmp_path: Path, change: Any, found: Any) -> None:
    assert compared(tmp_path, change) == found


def test_the_name_of_a_path_parameter_is_of_no_matter(tmp_path: Path) -> None:
    def rename(new: dict[str, Any]) -> None:
        new["paths"]["/orders/{order}"] = new["paths"].pop("/orders/{id}")
        new["paths"]["/orders/{order}"]["parameters"][0]["name"] = "order"

    assert compared(tmp_path, rename) == []


def test_schemas_of_one_name_are_compared_by_what_they_say(tmp_path: Path) -> None:
    def narrow(new: dict[str, Any]) -> None:
        order(new)["properties"]["parts"]["items"] = {"type": "string"}

    assert ("PUT", "request.parts[]", "type object became string", True) in compared(tmp_path, narrow)
