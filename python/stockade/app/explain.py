"""What each stage saw and decided: of a recorded exchange, or of a request that is judged here and now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stockade.app import events, wiring
from stockade.app.clock import wall_clock
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.plans import plan_in_force
from stockade.app.policy import Asked
from stockade.config import ConfigError
from stockade.core.engine import Engine, Message
from stockade.model.event import Event
from stockade.prevent.gateway.plan import compile_plan
from stockade.store.decisions import DecisionStore
from stockade.store.folder import DataFolder

ID_LETTERS = frozenset("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
"""Crockford's base 32, in which ids are written."""

ID_LENGTH = 26
"""Letters of an id."""


def is_exchange_id(text: str) -> bool:
    """Whether a text can be the id of an exchange."""
    return len(text) == ID_LENGTH and ID_LETTERS.issuperset(text.upper())


def recorded(data: Path, exchange_id: str) -> tuple[Mapping[str, Any], Event]:
    """A recorded exchange: as it was written, and read.

    Raises:
        StockadeError: it is neither in the spool nor in the archive.
    """
    stored = events.find(data, exchange_id)
    if stored is None or not isinstance(stored.record, Event):
        raise StockadeError(
            "explain.unknown",
            f"no event with id `{exchange_id}` in `{data}`",
            "events are written within 100 ms, and kept as long as `events` in the config says",
        )
    return stored.raw, stored.record


def judged(content: bytes, data: Path, config: Path | None) -> tuple[Mapping[str, Any], Event]:
    """Judge a request as the gateway would, without sending it anywhere.

    Args:
        content: a raw HTTP/1.1 message, or a JSON object as `core.engine.Message.from_json` reads it.
        data: data folder whose bundle and decisions are in force, when no config is named.
        config: config file to judge by instead.

    Raises:
        StockadeError: the content is neither, or there is nothing to judge by.
    """
    now = wall_clock()
    if config is not None:
        engine = Engine(_compiled(config))
    else:
        folder = DataFolder(data)
        engine = Engine(json.dumps(plan_in_force(folder)).encode())
        engine.set_decisions([decision.to_json() for decision in DecisionStore(folder.decisions).load()], now_us=now)
    raw = engine.explain(_message(content), now_us=now).event
    return raw, Event.from_json(raw)


def _compiled(config: Path) -> bytes:
    loaded = wiring.load(Asked(config=config))
    try:
        return compile_plan(loaded).to_bytes(1, 0)
    except ConfigError as error:
        raise ConfigProblemsError(error.problems) from error


def _message(content: bytes) -> Message:
    if not content.lstrip().startswith(b"{"):
        return Message(content)
    try:
        value = json.loads(content)
    except ValueError as error:
        raise StockadeError(
            "usage", f"expected a request as JSON or as raw HTTP/1.1: {error}", "raw messages begin with the method"
        ) from error
    return Message.from_json(value)
