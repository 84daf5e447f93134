"""How long large OpenAPI documents take from file to engine, and how long one request takes to find its operation.

Bars: 1,000 operations in under 1 s, the search for an operation under 1 us (the engine's own bench tells it exactly:
`cargo bench -p stockade-engine`). Real documents are measured beside the made one: those in the folder that
`STOCKADE_OPENAPI_DOCUMENTS` names, below it too, for example unpacked from npm.
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stockade.config import loads
from stockade.core.engine import Engine
from stockade.prevent.gateway.plan import compile_plan

OPERATIONS = 1000
MOST_S = 1.0
SUFFIXES = {".json", ".yaml", ".yml"}


def measure(folder: Path) -> bool:
    """Measures a document of 1,000 operations, then those that were named."""
    made = folder / "openapi.json"
    made.write_text(json.dumps(document()))
    seconds = told(made)
    good = seconds < MOST_S
    if not good:
        print(f"missed: {seconds:.2f} s, bar {MOST_S} s")
    for file in documents():
        told(file)
    return good


def documents() -> Iterator[Path]:
    """The documents that somebody named."""
    named = os.environ.get("STOCKADE_OPENAPI_DOCUMENTS")
    for file in sorted(Path(named).rglob("*")) if named else []:
        if file.suffix in SUFFIXES and file.is_file():
            head = file.read_bytes()[:4000]
            if b"openapi" in head and b"3." in head and not file.name.startswith("package"):
                yield file


def told(file: Path) -> float:
    """Reads and compiles one document, says how long it took, and answers the seconds."""
    config = f"version: 1\ndata: data\napis: {{main: {{upstream: 'http://127.0.0.1:9', spec: '{file}'}}}}\n"
    begin = time.process_time()
    compiled = compile_plan(loads(config, {}, file.parent))
    seconds = time.process_time() - begin
    plan = compiled.to_bytes(1, 0)
    begin = time.process_time()
    Engine(plan)
    engine = time.process_time() - begin
    (inventory,) = compiled.inventories.values()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{file.name}: {file.stat().st_size / 1e6:.1f} MB, {len(inventory.operations)} operations, "
        f"{len(inventory.schemas)} named schemas: {seconds:.2f} s of CPU, of it the engine {engine:.2f} s; "
        f"plan {len(plan) / 1e6:.1f} MB; {len(compiled.warnings)} warnings; at most {memory} MB so far"
    )
    return seconds


def document() -> dict[str, Any]:
    """A document of 1,000 operations with 500 schemas that refer to each other."""
    schemas = {
        f"Thing{number}": {
            "type": "object",
            "required": ["id", "name"],
            "properties": {
                "id": {"type": "string", "format": "uuid", "readOnly": True},
                "name": {"type": "string", "maxLength": 100},
                "state": {"enum": ["new", "paid", "sent"]},
                "count": {"type": "integer", "minimum": 0},
                "parts": {"type": "array", "items": {"$ref": f"#/components/schemas/Thing{(number + 1) % 500}"}},
            },
        }
        for number in range(500)
    }
    paths: dict[str, Any] = {}
    for number in range(OPERATIONS):
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/Thing{number % 500}"}}}
        paths[f"/v1/service{number % 40}/things{number // 40}/{{id}}"] = {
            "put": {
                "operationId": f"putThing{number}",
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
                    {"name": "page", "in": "query", "schema": {"type": "integer", "maximum": 1000}},
                ],
                "requestBody": {"required": True, "content": content},
                "responses": {"200": {"description": "Done.", "content": content}},
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Things", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
