"""OpenAPI documents become operations with self-contained schemas; bad ones say what is wrong, and where."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stockade.prevent.inventory import openapi
from stockade.prevent.inventory.operation import Inventory, Operation


class Reader:
    """Reads documents that are given as data or text."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, document: Any, name: str = "openapi.yaml") -> Inventory:
        file = self.folder / name
        file.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
        return openapi.read(file, name)

    def operation(self, document: Any) -> Operation:
        """The only operation of a document."""
        (operation,) = self(document).operations
        return operation

    def problems(self, document: Any) -> list[tuple[str, str]]:
        """Setting and message of each problem."""
        with pytest.raises(openapi.OpenApiError) as caught:
            self(document)
        return [(problem.setting, problem.message) for problem in caught.value.problems]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def document(
    operation: dict[str, Any] | None = None, *, path: str = "/a", version: str = "3.1.0", **more: Any
) -> dict[str, Any]:
    """A document with one operation, POST."""
    return {
        "openapi": version,
        "info": {"title": "T", "version": "1"},
        "paths": {path: {"post": operation or {}}},
        **more,
    }


def body(schema: Any) -> dict[str, Any]:
    """An operation with a JSON body."""
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


def schema_of(operation: Operation) -> Any:
    assert operation.body is not None
    return operation.body.content[0].schema


def test_an_operation_without_an_id_is_named_by_method_and_path(read: Reader) -> None:
    operation = read.operation(document(path="/orders/{id}"))
    assert operation.id == "POST /orders/{id}"
    assert operation.body is None
    assert [parameter.name for parameter in operation.parameters] == ["id"]


def test_parameters_of_path_and_operation_are_merged(read: Reader) -> None:
    found = read(
        {
            "openapi": "3.1.0",
            "paths": {
                "/a/{id}": {
                    "parameters": [
                        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
                        {"name": "q", "in": "query", "schema": {"type": "string"}},
                        {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                        {"name": "Authorization", "in": "header", "schema": {"type": "string"}},
                    ],
                    "get": {"parameters": [{"name": "q", "in": "query", "schema": {"type": "integer"}}]},
                }
            },
        }
    ).operations[0]
    by_name = {parameter.name: parameter for parameter in found.parameters}
    assert set(by_name) == {"id", "q", "x-trace"}
    assert by_name["q"].schema == {"type": "integer"}
    assert (by_name["q"].style, by_name["q"].explode) == ("form", True)
    assert (by_name["id"].style, by_name["id"].explode, by_name["id"].required) == ("simple", False, True)


def test_only_reachable_schemas_come_along(read: Reader) -> None:
    schemas = {
        "Tree": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
        },
        "Other": {"type": "string"},
    }
    inventory = read(document(body({"$ref": "#/components/schemas/Tree"}), components={"schemas": schemas}))
    assert schema_of(inventory.operations[0]) == {"$ref": "#/$defs/Tree"}
    assert inventory.schemas == {
        "Tree": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        }
    }
    assert inventory.schema_places["Tree"].pointer == "/components/schemas/Tree"


def test_schemas_of_two_files_with_one_name_stay_apart(read: Reader) -> None:
    (read.folder / "shared").mkdir()
    (read.folder / "shared/more.yaml").write_text("Id: {type: integer}\nBox: {properties: {id: {$ref: '#/Id'}}}\n")
    schemas = {"Id": {"type": "string"}}
    mine = {
        "properties": {"a": {"$ref": "#/components/schemas/Id"}, "b": {"$ref": "shared/more.yaml#/Box"}},
    }
    inventory = read(document(body(mine), components={"schemas": schemas}))
    assert inventory.schemas == {
        "Id": {"type": "string"},
        "Box": {"properties": {"id": {"$ref": "#/$defs/Id_2"}}},
        "Id_2": {"type": "integer"},
    }
    assert {file.name for file in inventory.files} == {"openapi.yaml", "more.yaml"}


def test_annotations_are_left_out(read: Reader) -> None:
    schema = {"type": "string", "title": "T", "description": "d", "example": "x", "default": "y", "x-note": 1}
    assert schema_of(read.operation(document(body(schema)))) == {"type": "string"}


def test_read_only_properties_need_not_and_must_not_be_sent(read: Reader) -> None:
    schema = {
        "type": "object",
        "required": ["id", "name", "at"],
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "at": {"$ref": "#/components/schemas/At"},
            "name": {"type": "string"},
        },
    }
    schemas = {"At": {"type": "string", "readOnly": True}}
    found = schema_of(read.operation(document(body(schema), components={"schemas": schemas})))
    assert found["required"] == ["name"]
    assert found["properties"] == {"id": False, "at": False, "name": {"type": "string"}}


def test_one_part_may_require_what_another_marks_as_read_only(read: Reader) -> None:
    base = {"properties": {"id": {"type": "integer", "readOnly": True}}}
    mine = {
        "allOf": [{"$ref": "#/components/schemas/Base"}, {"required": ["id", "name"]}],
        "required": ["id"],
        "properties": {"inner": {"required": ["id"]}},
    }
    found = schema_of(read.operation(document(body(mine), components={"schemas": {"Base": base}})))
    assert found["required"] == []
    assert found["allOf"][1] == {"required": ["name"]}
    assert found["properties"]["inner"] == {"required": ["id"]}, "that is another value"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "string", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        (
            {"allOf": [{"type": "string"}], "nullable": True},
            {"anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]},
        ),
        ({"minimum": 1, "exclusiveMinimum": True}, {"exclusiveMinimum": 1}),
        ({"minimum": 1, "exclusiveMinimum": False}, {"minimum": 1}),
        ({"maximum": 9, "exclusiveMaximum": True}, {"exclusiveMaximum": 9}),
        ({"type": "object", "discriminator": {"propertyName": "x"}}, {"type": "object"}),
        (
            {"type": "integer", "format": "int32", "minimum": 1},
            {"type": "integer", "format": "int32", "minimum": 1, "maximum": 2147483647},
        ),
    ],
)
def test_schemas_of_3_0_are_converted(read: Reader, before: Any, after: Any) -> None:
    assert schema_of(read.operation(document(body(before), version="3.0.3"))) == after


def test_what_stands_beside_a_reference_counts_in_3_1_only(read: Reader) -> None:
    schemas = {"A": {"type": "string"}}
    beside = {"$ref": "#/components/schemas/A", "maxLength": 5}
    for version, extra in (("3.0.0", set()), ("3.1.0", {"maxLength"})):
        schema = schema_of(read.operation(document(body(beside), version=version, components={"schemas": schemas})))
        assert set(schema) == {"$ref"} | extra


@pytest.mark.parametrize(
    ("servers", "path"),
    [
        ([{"url": "https://api.example/v1/"}], "/v1"),
        ([{"url": "/"}], "/"),
        (
            [
                {
                    "url": "https://{env}.example/{base}",
                    "variables": {"env": {"default": "a"}, "base": {"default": "v2"}},
                }
            ],
            "/v2",
        ),
        ([{"url": "https://api.example"}], "/"),
        (None, None),
    ],
)
def test_the_base_path_comes_from_the_first_server(read: Reader, servers: Any, path: str | None) -> None:
    assert read(document(**({"servers": servers} if servers else {}))).base_path == path


def test_public_operations_are_known(read: Reader) -> None:
    guarded: dict[str, Any] = {"security": [{"token": []}]}
    assert not read.operation(document(**guarded)).public
    assert read.operation(document({"security": []}, **guarded)).public
    assert read.operation(document({"security": [{}, {"token": []}]}, **guarded)).public


def test_a_key_in_the_query_is_a_known_parameter(read: Reader) -> None:
    schemes = {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}
    operation = read.operation(document(components={"securitySchemes": schemes}))
    assert [(parameter.name, parameter.place) for parameter in operation.parameters] == [("api_key", "query")]


def test_media_types_come_most_specific_first(read: Reader) -> None:
    content: dict[str, Any] = {"*/*": {}, "image/*": {}, "Application/JSON; charset=utf-8": {"schema": True}}
    operation = read.operation(document({"requestBody": {"required": True, "content": content}}))
    assert operation.body is not None
    assert [media.media_type for media in operation.body.content] == ["application/json", "image/*", "*/*"]
    assert operation.body.required


def test_json_documents_are_read(read: Reader) -> None:
    assert read(json.dumps(document(path="/b")), "openapi.json").operations[0].path == "/b"


@pytest.mark.parametrize(
    ("bad", "place", "message"),
    [
        ({"swagger": "2.0"}, "/", "version 3.0 or 3.1"),
        ({"openapi": "4.0.0"}, "/openapi", "version 3.0 or 3.1"),
        ({"openapi": "3.1.0"}, "/", "expected `paths`"),
        (document(path="a"), "/paths/a", "expected a path"),
        (document(path="/a?b"), "/paths/~1a?b", "expected a path"),
        (document(body({"type": "file"})), "/paths/~1a/post/requestBody/content/application~1json/schema", "a type of"),
        (document(body("x")), "/paths/~1a/post/requestBody/content/application~1json/schema", "expected a schema"),
        (
            document(body({"$ref": "#/nowhere"})),
            "/paths/~1a/post/requestBody/content/application~1json/schema",
            "exists",
        ),
        (
            document(body({"$ref": "http://x/y"})),
            "/paths/~1a/post/requestBody/content/application~1json/schema",
            "local",
        ),
        (
            document(body({"$ref": "../x.yaml"})),
            "/paths/~1a/post/requestBody/content/application~1json/schema",
            "or below",
        ),
        (document(body({"$ref": "#id"})), "/paths/~1a/post/requestBody/content/application~1json/schema", "exists"),
        (document({"requestBody": {}}), "/paths/~1a/post/requestBody", "expected `content`"),
        (document({"parameters": [{"name": "x"}]}), "/paths/~1a/post/parameters/0", "`name` and `in`"),
        (
            document({"parameters": [{"name": "x", "in": "query", "style": "matrix"}]}),
            "/paths/~1a/post/parameters/0",
            "a style of",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read: Reader, bad: Any, place: str, message: str) -> None:
    found = read.problems(bad)
    assert [setting for setting, _ in found] == [place]
    assert message in found[0][1]


def test_problems_have_lines(read: Reader) -> None:
    with pytest.raises(openapi.OpenApiError) as caught:
        read("openapi: 3.1.0\npaths:\n  /a:\n    get:\n      parameters:\n        - name: x\n          in: body\n")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("openapi.yaml", 6)


def test_duplicate_ids_and_ambiguous_paths_are_refused(read: Reader) -> None:
    paths = {
        "/a/{x}": {"get": {"operationId": "one"}},
        "/a/{y}": {"get": {"operationId": "two"}},
        "/b": {"get": {"operationId": "one"}},
    }
    found = read.problems({"openapi": "3.1.0", "paths": paths})
    assert [setting for setting, _ in found] == ["/paths/~1a~1{y}/get", "/paths/~1b/get"]


def test_a_schema_that_never_ends_is_refused(read: Reader) -> None:
    reference = {"$ref": "#/components/schemas/A"}
    for schemas in (
        {"A": reference},
        {"A": {"allOf": [{"$ref": "#/components/schemas/B"}]}, "B": {"anyOf": [reference]}},
        {"A": {"not": {"if": reference}}},
    ):
        found = read.problems(document(body(reference), components={"schemas": schemas}))
        assert "refers to itself" in found[0][1]


def test_a_discriminator_decides_which_alternative_was_meant(read: Reader) -> None:
    choice = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"hound": "#/components/schemas/Dog", "cat": "Cat"}},
    }
    schemas = {"Cat": {"type": "object"}, "Dog": {"type": "object"}}
    schema = schema_of(read.operation(document(body(choice), components={"schemas": schemas})))

    def bound(names: list[str], target: str) -> dict[str, Any]:
        return {"required": ["kind"], "properties": {"kind": {"enum": names}}, "allOf": [{"$ref": f"#/$defs/{target}"}]}

    assert schema == {"oneOf": [bound(["Cat", "cat"], "Cat"), bound(["Dog", "hound"], "Dog")]}


def test_ids_and_anchors_are_followed_across_files(read: Reader) -> None:
    (read.folder / "kinds.json").write_text(
        json.dumps({"$id": "https://shop.example/kinds", "$defs": {"name": {"$anchor": "name", "type": "string"}}})
    )
    mine = {"allOf": [{"$ref": "kinds.json"}, {"$ref": "https://shop.example/kinds#name"}]}
    inventory = read(document(body(mine)))
    assert schema_of(inventory.operations[0]) == {"allOf": [{"$ref": "#/$defs/kinds"}, {"$ref": "#/$defs/name"}]}
    assert inventory.schemas == {"kinds": {}, "name": {"type": "string"}}


def test_copies_stand_for_documents_elsewhere(read: Reader, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    (copies / "v1").mkdir(parents=True)
    (copies / "v1" / "money.json").write_text('{"type": "integer"}')
    mine = document(body({"$ref": "https://schemas.example/v1/money.json"}))
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(mine))
    inventory = openapi.read(file, copies={"https://schemas.example/": copies})
    assert inventory.schemas == {"money": {"type": "integer"}}
    file.write_text(json.dumps(document(body({"$ref": "https://schemas.example/../../etc/passwd"}))))
    with pytest.raises(openapi.OpenApiError):
        openapi.read(file, copies={"https://schemas.example/": copies})


def test_a_parameter_may_be_a_json_text_or_empty(read: Reader) -> None:
    parameters = [
        {"name": "filter", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        {"name": "flag", "in": "query", "allowEmptyValue": True, "schema": {"type": "boolean"}},
    ]
    found = read.operation(document({"parameters": parameters})).parameters
    assert [(one.style, one.schema) for one in found] == [
        ("json", {"type": "object"}),
        ("form", {"anyOf": [{"type": "boolean"}, {"const": ""}]}),
    ]


def test_references_in_a_circle_are_refused(read: Reader) -> None:
    parameters = {"A": {"$ref": "#/components/parameters/B"}, "B": {"$ref": "#/components/parameters/A"}}
    operation = {"parameters": [{"$ref": "#/components/parameters/A"}]}
    found = read.problems(document(operation, components={"parameters": parameters}))
    assert "references in a row" in found[0][1]


def test_large_documents_are_read_in_time(read: Reader) -> None:
    schemas = {f"S{number}": {"type": "object", "properties": {"a": {"type": "string"}}} for number in range(500)}
    paths = {
        f"/p{number}/{{id}}": {"put": {**body({"$ref": f"#/components/schemas/S{number % 500}"})}}
        for number in range(1000)
    }
    started = time.perf_counter()
    inventory = read(
        json.dumps({"openapi": "3.1.0", "paths": paths, "components": {"schemas": schemas}}), "openapi.json"
    )
    assert len(inventory.operations) == 1000
    assert time.perf_counter() - started < 10


WORDS = st.sampled_from(
    ["get", "post", "parameters", "requestBody", "content", "schema", "$ref", "name", "in", "path", "query", "type",
     "properties", "items", "allOf", "/a", "/{b}", "#/paths", "#/components/schemas/A", "required", "servers", "url",
     "security", "operationId", "application/json", "nullable", "$id", "$anchor", "$dynamicRef", "$dynamicAnchor",
     "oneOf", "discriminator", "propertyName", "mapping", "readOnly", "#a", "allowEmptyValue",
     "exclusiveMinimum", "minimum", "tags"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paths=VALUES, components=VALUES, version=st.sampled_from(["3.0.1", "3.1.0"]))
def test_no_document_makes_it_fail_in_another_way(read: Reader, paths: Any, components: Any, version: str) -> None:
    text = json.dumps({"openapi": version, "paths": paths, "components": {"schemas": {"A": components}}})
    with contextlib.suppress(openapi.OpenApiError):
        read(text, "openapi.json")
