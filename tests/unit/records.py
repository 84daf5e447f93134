"""Records as a gateway writes them, for unit tests."""

from __future__ import annotations

from typing import Any

from stockade.model.event import Event
from stockade.store.events import Stored

EVENT: dict[str, Any] = {
    "kind": "exchange",
    "format": 1,
    "id": "01KAVWZ8G0ABCDEFGHJKMNPQRS",
    "time": 1_700_000_000_000_000,
    "gateway": "gateway-1",
    "bundle": 3,
    "verdict": "refused",
    "mode": "enforce",
    "api": "shop",
    "operation": "listOrders",
    "actor": "subject:alice",
    "client": {"address": "192.0.2.7", "port": 40000},
    "request": {
        "method": "GET",
        "scheme": "http",
        "authority": "shop.example",
        "path": "/orders",
        "query": "page=2",
        "version": "1.1",
        "body_bytes": 0,
    },
    "identity": {"method": "jwt", "subject": "alice", "client": "web", "key": "k1", "roles": ["customer"]},
    "refusals": [
        {
            "stage": "access",
            "reason": "access.denied",
            "status": 403,
            "setting": "apis.shop.access.rules[0]",
            "detail": "expected role `admin`, got `customer`",
            "exception": "give the caller role `admin`",
        }
    ],
    "findings": [
        {
            "detector": "sql_injection",
            "place": "query.page",
            "steps": ["percent"],
            "confidence": 0.4,
            "evidence": "2",
            "note": "number",
        }
    ],
    "stages": [
        {"stage": "decisions", "outcome": "pass"},
        {"stage": "route", "outcome": "pass"},
        {"stage": "access", "outcome": "refuse", "detail": "expected role `admin`", "setting": "apis.shop.access"},
    ],
    "response": {"status": 403, "body_bytes": 50, "content_type": "application/problem+json", "complete": True},
    "timing": {"total_us": 1500, "engine_us": 120, "upstream_us": 0},
}
"""A refused exchange."""


def an_event(**changes: Any) -> Event:
    """A refused exchange with some fields changed."""
    return Event.from_json({**EVENT, **changes})


def a_record(seq: int, **changes: Any) -> Stored:
    """A refused exchange at a place in the spool."""
    raw = {**EVENT, "id": an_id(seq), **changes}
    return Stored(seq, Event.from_json(raw), raw)


def an_id(number: int) -> str:
    """A well-formed id of an exchange, rising with its number."""
    letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    text = ""
    while number or not text:
        text = letters[number % 32] + text
        number //= 32
    return "01KAVWZ8G0" + text.rjust(16, "0")
