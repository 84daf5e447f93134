"""Policies are found in files with their lines, and the schema says what an API's document says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.prevent.access.policies import PolicyError, read, split
from stockade.prevent.access.schema import schema
from stockade.prevent.inventory.operation import Body, Media, Operation, Parameter

TEXT = """\
// The first; with a semicolon.
permit (principal, action, resource);

@id("a;b")
forbid (principal, action, resource)
when { resource.path == "x;y\\"//;" }; // done
permit (principal == Caller::"3", action, resource)
"""


def test_policies_end_with_a_semicolon_outside_of_strings_and_comments() -> None:
    found = split(TEXT, "a.cedar")
    assert [(policy.line, policy.text.splitlines()[0]) for policy in found] == [
        (2, "permit (principal, action, resource);"),
        (4, '@id("a;b")'),
        (7, 'permit (principal == Caller::"3", action, resource)'),
    ]
    assert found[1].text.endswith("};")
    assert split("// nothing\n\n", "a.cedar") == []


@given(st.text(alphabet='"\\;/\n a@(){}', max_size=60))
def test_no_text_is_lost_or_makes_it_fail(text: str) -> None:
    for policy in split(text, "a"):
        assert policy.text in text
        assert text.splitlines(keepends=True)
        assert 1 <= policy.line <= text.count("\n") + 1


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    (tmp_path / "b.cedar").write_text("permit (principal, action, resource);")
    (tmp_path / "a.cedar").write_text(TEXT)
    policies, files = read([str(tmp_path / "*.cedar")])
    assert [path.name for path in files] == ["a.cedar", "b.cedar"]
    assert len(policies) == 4
    with pytest.raises(PolicyError, match="found none"):
        read([str(tmp_path / "*.policy")])


def test_the_schema_has_what_cedar_can_say_of_the_document() -> None:
    body: dict[str, Any] = {
        "type": "object",
        "required": ["amount", "currency", "who", "odd"],
        "properties": {
            "amount": {"type": "integer"},
            "currency": {"enum": ["EUR", "USD"]},
            "rate": {"type": "number"},
            "who": {"type": ["string", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "to": {"$ref": "#/$defs/Account"},
            "odd": {"type": ["string", "integer"]},
            "node": {"$ref": "#/$defs/Node"},
        },
    }
    definitions: dict[str, Any] = {
        "Account": {"allOf": [{"type": "object", "properties": {"iban": {"type": "string"}}, "required": ["iban"]}]},
        "Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}},
    }
    operation = Operation(
        id="transfer",
        method="POST",
        path="/accounts/{id}/transfers",
        tags=("money",),
        deprecated=False,
        parameters=(
            Parameter("id", "path", True, "simple", False, {"type": "integer"}),
            Parameter("dry", "query", False, "form", True, {"type": "boolean"}),
            Parameter("filter", "query", False, "deepObject", True, {"type": "object"}),
        ),
        body=Body(True, (Media("application/json", body),)),
        public=False,
        pointer="/paths",
        file="openapi.yaml",
        line=1,
    )
    made = schema([operation], definitions, {"tenant": "text", "groups": "texts"})[""]
    action = made["actions"]["transfer"]
    assert action["memberOf"] == [{"id": "tag:money"}, {"id": "method:POST"}]
    context = action["appliesTo"]["context"]["attributes"]
    assert context["path"]["attributes"] == {"id": {"type": "Long"}}
    assert context["query"]["attributes"] == {"dry": {"type": "Boolean", "required": False}}
    sent = context["body"]["attributes"]
    assert sent["amount"] == {"type": "Long"}
    assert sent["currency"] == {"type": "String"}
    assert sent["rate"] == {"type": "Extension", "name": "decimal", "required": False}
    assert sent["who"] == {"type": "String", "required": False}
    assert sent["to"]["attributes"] == {"iban": {"type": "String"}}
    assert "odd" not in sent
    claims = made["entityTypes"]["Caller"]["shape"]["attributes"]["claims"]["attributes"]
    assert claims["groups"] == {"type": "Set", "element": {"type": "String"}, "required": False}
