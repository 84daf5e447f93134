"""The official test cases of JSON Schema 2020-12, all that are required, as bodies of requests.

Each schema stands in an OpenAPI 3.1 document; config, reader, plan and engine are those that users have. Formats are
annotations in these cases, so `contract.formats` is `ignore`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stockade.config import ConfigError, loads
from stockade.core.engine import Engine, Message
from stockade.prevent.gateway.plan import compile_plan

DATA = Path(__file__).parents[3] / "shared" / "data" / "json-schema-suite"
"""Cases and the documents that they refer to; not part of this repository."""
MISSING = f"expected the JSON Schema Test Suite in {DATA}: tests/draft2020-12, and remotes"

CONFIG = """
version: 1
data: data
apis:
  suite:
    upstream: http://127.0.0.1:9
    spec: openapi.json
    contract: {{formats: ignore, copies: {{"http://localhost:1234/": "{remotes}/"}}}}
    inspect: {{enabled: false}}
"""
DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Cases", "version": "1"},
    "paths": {
        "/case": {
            "post": {
                "operationId": "case",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "schema.json"}}},
                },
                "responses": {},
            }
        }
    },
}


def outcomes(folder: Path, schema: Any, tests: list[dict[str, Any]]) -> Iterator[tuple[str, bool]]:
    """The description of each test, and whether it went as it should."""
    (folder / "openapi.json").write_text(json.dumps(DOCUMENT))
    (folder / "schema.json").write_text(json.dumps(schema))
    try:
        compiled = compile_plan(loads(CONFIG.format(remotes=DATA / "remotes"), {}, folder))
    except ConfigError:
        yield from ((test["description"], False) for test in tests)
        return
    engine = Engine(compiled.to_bytes(1, 0))
    for test in tests:
        body = json.dumps(test["data"]).encode()
        message = Message.build("POST", "/case", [("content-type", "application/json")], body)
        judged = engine.check(message, now_us=1_790_000_000_000_000)
        expected = (None,) if test["valid"] else ("contract.body",)
        yield test["description"], judged.reason in expected


@pytest.mark.skipif(not DATA.is_dir(), reason=MISSING)
def test_required_cases_are_judged_as_the_suite_says(tmp_path: Path) -> None:
    count = 0
    failed: set[str] = set()
    for file in sorted((DATA / "tests" / "draft2020-12").glob("*.json")):
        for group in json.loads(file.read_text()):
            for description, good in outcomes(tmp_path, group["schema"], group["tests"]):
                count += 1
                if not good:
                    failed.add(f"{file.name}: {group['description']}: {description}")
    assert count >= 1299
    assert failed == set()
