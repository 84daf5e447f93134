"""GraphQL schemas and lists of documents are read; bad ones are told with their line."""

import json
from pathlib import Path

import pytest

from stockade.prevent.inventory.graphql.documents import read_documents
from stockade.prevent.inventory.graphql.problem import GraphqlError
from stockade.prevent.inventory.graphql.schema import read_schema

SDL = """
interface Node { id: ID! }
type User implements Node @key(fields: "id") { id: ID! email: String friends(first: Int): [User!] @cost(weight: "2.5") }
union Found = User
type Query {
  me: User
  search(text: String!, first: Int): [Found] @listSize(assumedSize: 50, slicingArguments: ["first"])
}
enum Color { RED }
input Filter { a: Int }
"""


def test_what_the_gateway_needs_is_read(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    file.write_text(SDL)
    schema = read_schema(file)
    assert (schema.query, schema.mutation) == ("Query", None)
    assert set(schema.types) == {"Node", "User", "Found", "Query"}
    search = schema.types["Query"]["search"]
    assert (search.kind, search.is_list, search.arguments) == ("Found", True, ("text", "first"))
    assert (search.list_size, search.size_arguments) == (50, ("first",))
    assert schema.types["User"]["friends"].cost == 3
    assert schema.with_interfaces("User.id") == ("User.id", "Node.id")
    assert schema.with_interfaces("User.email") == ("User.email",)
    assert [schema.has(name) for name in ("*.email", "User.*", "Query.email")] == [True, True, False]
    plan = schema.to_plan({"Query.search": 7, "*.email": 4})
    assert plan["types"]["Query"]["search"]["cost"] == 7
    assert plan["types"]["User"]["email"]["cost"] == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("type Query {", "GraphQL"),
        ("type Query { a: Missing }", "schema"),
        ("type A { a: Int }", "`Query`"),
        ("{ a }", "schema"),
    ],
)
def test_what_is_no_schema_is_told(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "schema.graphql"
    file.write_text(text)
    with pytest.raises(GraphqlError, match=problem):
        read_schema(file)


def test_documents_come_from_a_folder_or_a_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "operations"
    (folder / "users").mkdir(parents=True)
    (folder / "users" / "me.graphql").write_text("query Me { me { id } }")
    (folder / "note.txt").write_text("no")
    assert read_documents(folder)[0] == ["query Me { me { id } }"]
    manifest = tmp_path / "manifest.json"
    for value in ({"abc": "{ a }"}, {"format": "x", "operations": [{"id": "1", "body": "{ a }"}]}):
        manifest.write_text(json.dumps(value))
        assert read_documents(manifest)[0] == ["{ a }"]
    for bad in ("{", '["{ a }"]', '{"a": 1}', '{"a": "{ a"}', "{}"):
        manifest.write_text(bad)
        with pytest.raises(GraphqlError):
            read_documents(manifest)
