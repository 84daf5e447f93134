"""Runs whole commands; ids, times and ports are the fixtures' own, so that snapshots hold."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.spool import write_segment
from tests.unit.records import EVENT, an_id

Command = Callable[..., str]

NOTICE = {
    "kind": "notice",
    "format": 1,
    "time": 1_700_000_003_000_000,
    "gateway": "gateway-1",
    "code": "bundle.refused",
    "detail": "expected a valid signature",
}


def allowed(number: int, **changes: Any) -> dict[str, Any]:
    """An allowed exchange."""
    response = {"status": 200, "body_bytes": 10, "complete": True, "upstream": "http://127.0.0.1:9000"}
    event = {
        **EVENT,
        "id": an_id(number),
        "time": 1_700_000_000_000_000 + number * 1_000_000,
        "verdict": "allowed",
        "response": response,
        "stages": [{"stage": "decisions", "outcome": "pass"}, {"stage": "limit", "outcome": "pass"}],
        "timing": {"total_us": 2100, "engine_us": 90, "upstream_us": 1500},
        **changes,
    }
    for gone in ("refusals", "findings"):
        event.pop(gone)
    return event


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with a data folder in which five records stand."""
    hostile = {**EVENT["request"], "path": "/\x1b[31mred\nforged"}
    records = [
        allowed(1),
        {**EVENT, "id": an_id(2), "time": 1_700_000_002_000_000},
        NOTICE,
        allowed(4, actor="address:192.0.2.9", identity=None, request=hostile),
        {**EVENT, "id": an_id(5), "time": 1_700_000_005_000_000, "request": None, "api": None, "operation": None},
    ]
    write_segment(tmp_path / "stockade-data" / "spool", records)
    return tmp_path


@pytest.fixture
def stockade(folder: Path) -> Command:
    """Runs `stockade ARGUMENTS` in the folder and tells everything that it said."""

    def run(*arguments: str, stdin: str | None = None) -> str:
        ended = subprocess.run(
            [sys.executable, "-m", "stockade", *arguments],
            cwd=folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={"PATH": "/usr/bin:/bin", "COLUMNS": "120", "TERM": "dumb"},
        )
        parts = [f"$ stockade {' '.join(arguments)}", ended.stdout.rstrip("\n"), ended.stderr.rstrip("\n")]
        said = "\n".join(part for part in parts if part)
        return f"{said}\n[exit {ended.returncode}]\n".replace(str(folder), "FOLDER")

    return run
