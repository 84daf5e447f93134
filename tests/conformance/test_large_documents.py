"""Large OpenAPI documents: one that is made, and those of public APIs that somebody unpacked.

`STOCKADE_OPENAPI_DOCUMENTS` names a folder with OpenAPI 3.0 and 3.1 documents, for example out of the npm packages
`@octokit/openapi`, `@figma/rest-api-spec`, `@directus/specs`, `@blockfrost/openapi` and `@scalar/galaxy`.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from benches.contract import OPERATIONS, document, documents

from stockade.config import loads
from stockade.core.engine import Engine, Message
from stockade.prevent.gateway.plan import compile_plan
from stockade.prevent.inventory.operation import Inventory

NOW_US = 1_790_000_000_000_000
CONFIG = "version: 1\ndata: data\napis: {{main: {{upstream: 'http://127.0.0.1:9', spec: '{}'}}}}\n"
MISSING = "expected STOCKADE_OPENAPI_DOCUMENTS to name a folder with OpenAPI documents"
_PARAMETER = re.compile(r"\{[^{}]*\}")


def compiled(file: Path) -> tuple[Engine, Inventory, str]:
    found = compile_plan(loads(CONFIG.format(file), {}, file.parent))
    (inventory,) = found.inventories.values()
    (api,) = found.plan["apis"]
    return Engine(found.to_bytes(1, 0)), inventory, api["base_path"].rstrip("/")


def test_a_document_of_a_thousand_operations_is_held_against_requests(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document()))
    engine, inventory, _ = compiled(file)
    assert len(inventory.operations) == OPERATIONS

    def judged(path: str, body: Mapping[str, object]) -> tuple[str | None, str | None]:
        headers = [("content-type", "application/json")]
        found = engine.check(Message.build("PUT", path, headers, json.dumps(body).encode()), now_us=NOW_US)
        return found.event.get("operation"), found.reason

    for number in (0, 1, 499, 500, 999):
        path = f"/v1/service{number % 40}/things{number // 40}/7"
        operation = f"putThing{number}"
        assert judged(path, {"name": "a", "parts": [{"name": "b"}]}) == (operation, None)
        assert judged(path, {"name": "a", "parts": [{"name": 1}]}) == (operation, "contract.body")
        assert judged(f"{path}?page=1001", {"name": "a"}) == (operation, "contract.parameter")
    assert judged("/v1/service0/things99/7", {"name": "a"}) == (None, "route.unknown_operation")


@pytest.mark.skipif(not os.environ.get("STOCKADE_OPENAPI_DOCUMENTS"), reason=MISSING)
def test_public_documents_compile_and_every_operation_is_found() -> None:
    files = list(documents())
    assert files
    for file in files:
        engine, inventory, base_path = compiled(file)
        for operation in inventory.operations:
            # What no word of a path can be: an operation with a word there is another one.
            path = base_path + _PARAMETER.sub("8c1f", operation.path)
            message = Message.build(operation.method, path.replace("#", "%23"))
            found = engine.check(message, now_us=NOW_US).event
            assert found.get("operation") == operation.id, f"{file.name}: {operation.method} {operation.path}"
