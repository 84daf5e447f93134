"""One line a request: what was asked, how it was judged, by which stage and reason. No sockets, no clock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stockade.config import loads
from stockade.core.engine import Engine, Judgement, Message
from stockade.prevent.gateway.plan import compile_plan

NOW_US = 1_700_000_000_000_000
"""The moment of every request, unless a test says otherwise."""


def engine(folder: Path, config: str, spec: dict[str, Any] | None = None) -> Engine:
    """An engine for a config.

    Args:
        folder: folder that the config's files stand in.
        config: the config file's text.
        spec: OpenAPI document, written to `openapi.json`.
    """
    if spec is not None:
        (folder / "openapi.json").write_text(json.dumps(spec))
    return Engine(compile_plan(loads(config, {}, folder)).to_bytes(1, 0))


def judge(judging: Engine, asked: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Judgement:
    """Judge `METHOD TARGET`."""
    method, _, target = asked.partition(" ")
    return judging.check(Message.build(method, target, headers, body), now_us=NOW_US)


def told(judgement: Judgement) -> str:
    """`verdict`, and `stage reason status` when something refused."""
    refusal = judgement.refusal
    if refusal is None:
        return judgement.verdict
    return f"{judgement.verdict} by {refusal['stage']}: {refusal['reason']} {refusal['status']}"
