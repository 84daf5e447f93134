"""Varied traffic as a gateway records it, for tests and benches of everything behind the spool."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
START = 1_790_000_000_000_000
"""Time of the first record, microseconds since the epoch."""

OPERATIONS = (
    ("GET", "/products", "listProducts", 20),
    ("GET", "/products/{}", "getProduct", 30),
    ("GET", "/orders", "listOrders", 10),
    ("GET", "/orders/{}", "getOrder", 20),
    ("POST", "/orders", "createOrder", 5),
    ("POST", "/login", "login", 3),
    ("PUT", "/users/{}/address", "putAddress", 2),
    ("GET", "/search", "search", 10),
)
FIELDS = (
    {"field": "id", "type": "string", "format": "uuid"},
    {"field": "customer.email", "type": "string", "format": "email", "data": "email"},
    {"field": "items[].sku", "type": "string"},
    {"field": "items[].count", "type": "integer"},
)
"""Fields of a body, which a gateway tells of a few exchanges."""
STAGES = ("decisions", "route", "identity", "contract", "access", "inspect", "limit", "response")


def an_id(chance: random.Random, milliseconds: int) -> str:
    """A ULID."""
    number, text = (milliseconds << 80) | chance.getrandbits(80), ""
    for _ in range(26):
        text = LETTERS[number & 31] + text
        number >>= 5
    return text


def records(count: int, *, seed: int = 1, start: int = START, rate: float = 1000.0) -> Iterator[dict[str, Any]]:
    """Records of exchanges, oldest first.

    Args:
        count: how many.
        seed: of the randomness; the same seed gives the same records.
        start: time of the first, microseconds since the epoch.
        rate: exchanges a second.
    """
    chance = random.Random(seed)
    agents = [f"Mozilla/5.0 (X{place}; Linux) AppleWebKit/537.{place} Chrome/{100 + place}.0" for place in range(60)]
    addresses = [f"203.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(256)}" for _ in range(5000)]
    weights = [operation[3] for operation in OPERATIONS]
    time = start
    for _ in range(count):
        time += int(chance.expovariate(rate) * 1e6)
        yield _record(chance, time, agents, addresses, chance.choices(OPERATIONS, weights)[0])


def lines(found: Iterator[dict[str, Any]], first_seq: int = 1) -> bytes:
    """Records as the spool gives them."""
    return b"".join(
        b'{"seq":%d,"record":%s}\n' % (seq, json.dumps(record, separators=(",", ":")).encode())
        for seq, record in enumerate(found, first_seq)
    )


def _record(
    chance: random.Random, time: int, agents: list[str], addresses: list[str], operation: tuple[str, str, str, int]
) -> dict[str, Any]:
    method, path, name, _ = operation
    user = chance.randrange(20_000)
    record: dict[str, Any] = {
        "kind": "exchange",
        "format": 1,
        "id": an_id(chance, time // 1000),
        "time": time,
        "gateway": "gateway-1",
        "bundle": 12,
        "verdict": "allowed",
        "mode": "enforce",
        "api": "shop",
        "operation": name,
        "actor": f"subject:user-{user}",
        "client": {
            "address": addresses[user % len(addresses)],
            "port": chance.randrange(32_768, 61_000),
            "tls": {
                "version": "TLSv1.3",
                "server_name": "shop.example",
                "alpn": "h2",
                "key_exchange": "X25519MLKEM768",
            },
        },
        "request": {
            "method": method,
            "scheme": "https",
            "authority": "shop.example",
            "path": path.format(chance.randrange(1, 100_000)),
            "version": "2",
            "user_agent": agents[user % len(agents)],
            "body_bytes": chance.randrange(50, 900) if method != "GET" else 0,
        },
        "identity": {
            "method": "jwt",
            "subject": f"user-{user}",
            "issuer": "https://id.example",
            "key": "k1",
            "roles": ["customer"],
            "scopes": ["orders:read", "orders:write"],
        },
        "stages": [{"stage": stage, "outcome": "pass"} for stage in STAGES],
        "response": {
            "status": chance.choices([200, 404, 304], [95, 3, 2])[0],
            "body_bytes": int(chance.lognormvariate(6, 1)),
            "content_type": "application/json",
            "upstream": "http://10.0.0.5:9000",
            "complete": True,
        },
        "timing": {
            "total_us": int(chance.lognormvariate(8, 0.7)),
            "engine_us": chance.randrange(20, 90),
            "upstream_us": int(chance.lognormvariate(7.8, 0.7)),
        },
    }
    if name == "search":
        record["request"]["query"] = f"q=word{chance.randrange(3000)}&page={chance.randrange(9)}"
    if time % 40 == 0:
        record["response"]["fields"] = [dict(field) for field in FIELDS[: 2 + time % 3]]
        if method != "GET":
            record["request"]["fields"] = [dict(field) for field in FIELDS[2:]]
    if time % 97 == 0:
        record["trace"] = {"id": f"{time * 2**70:032x}", "parent": f"{time:016x}"}
    if chance.random() < 0.02:
        _refuse(record, chance)
    return record


def _refuse(record: dict[str, Any], chance: random.Random) -> None:
    detector = chance.choice(("sql_injection", "xss", "path_traversal"))
    record["verdict"] = "refused"
    record["refusals"] = [
        {
            "stage": "inspect",
            "reason": f"inspect.{detector}",
            "status": 403,
            "setting": "apis.shop.inspect",
            "detail": f"found {detector} in query.q",
        }
    ]
    record["findings"] = [
        {
            "detector": detector,
            "place": "query.q",
            "confidence": 0.95,
            "evidence": f"{chance.randrange(1000)}' or '1'='1",
            "note": "tautology",
        }
    ]
    record["response"] = {"status": 403, "body_bytes": 90, "content_type": "application/problem+json", "complete": True}
    record["timing"]["upstream_us"] = 0
