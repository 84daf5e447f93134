import json
from typing import Any

import pytest

from stockade.core import catalogue


@pytest.fixture(scope="module")
def facts() -> dict[str, object]:
    return catalogue.load()


def test_every_reason_explains_itself_once(facts: dict[str, list[dict[str, str | int]]]) -> None:
    codes = [reason["code"] for reason in facts["reasons"]]
    assert len(codes) == len(set(codes))
    for reason in facts["reasons"]:
        assert 400 <= int(reason["status"]) < 600, reason
        assert reason["meaning"], reason
        assert reason["remedy"], reason
        assert not str(reason["meaning"]).endswith("."), reason
        assert not str(reason["remedy"]).endswith("."), reason


def test_stages_are_in_the_order_of_the_flow(facts: dict[str, list[str]]) -> None:
    assert facts["stages"][0] == "gateway"
    assert facts["stages"][-1] == "response"
    assert facts["stages"].index("identity") < facts["stages"].index("access")


def test_schemas_stand_alone_and_describe_every_field(facts: dict[str, dict[str, dict[str, object]]]) -> None:
    for name, schema in facts["schemas"].items():
        text = json.dumps(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert text.count('"$ref": "#/') == text.count('"$ref"'), name
    definitions: Any = facts["schemas"]["record"]["$defs"]
    events = definitions["Event"]
    assert {"id", "verdict", "timing"} <= set(events["properties"])
    assert all("description" in field for field in events["properties"].values())
