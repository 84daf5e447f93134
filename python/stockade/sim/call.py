"""One call in a simulated world, its truth, and the record that a gateway would write of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stockade.sim.catalogue import Operation
from stockade.sim.population import Agent, token_hash

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Credential:
    """What a caller shows."""

    subject: str
    """Who it stands for."""
    role: str
    """Role in it."""
    token: str = ""
    """Id of the token; empty for keys."""
    session: str = ""
    """Session of the token."""
    key: str = ""
    """Id of the key; empty for tokens."""


@dataclass(slots=True)
class Call:
    """One call and its truth."""

    time: int
    """When, microseconds since the epoch."""
    method: str
    """Method."""
    path: str
    """Path."""
    operation: Operation | None
    """Operation; None when the API has none there."""
    address: str
    """From where."""
    agent: Agent
    """With what."""
    credential: Credential | None
    """As whom; None without one."""
    status: int
    """How the API answers."""
    bytes_out: int
    """Size of the answer, bytes."""
    upstream_us: int
    """How long the API takes, microseconds."""
    query: str | None = None
    """Query."""
    bytes_in: int = 0
    """Size of the request's body."""
    campaign: str = ""
    """Campaign that it is part of; empty when innocent."""
    harm: str = ""
    """What it does when it is let through: empty, `tried`, `succeeded` (account taken, code guessed) or `data` (read
    what is another's)."""
    by: str = ""
    """Who really calls: a person's name, or an attacker's."""
    account: str = ""
    """Account that a sign-in names."""
    refused_by: str = ""
    """Stage of the gateway that refuses it: `identity`, or `decisions` where decisions are played through."""
    finding: str = ""
    """Detector that sees an attack in its values."""


def record(call: Call, api: str, chance: random.Random) -> dict[str, Any]:
    """The call as one record of the spool."""
    agent = call.agent
    refused = bool(call.refused_by)
    told: dict[str, Any] = {
        "kind": "exchange",
        "format": 1,
        "id": exchange_id(chance, call.time),
        "time": call.time,
        "gateway": "gateway-1",
        "bundle": 1,
        "verdict": "refused" if refused else "allowed",
        "mode": "enforce",
        "api": api,
        "actor": _actor(call),
        "client": {
            "address": call.address,
            "port": 1024 + chance.randrange(60_000),
            "tls": {
                "version": agent.tls,
                "key_exchange": agent.exchange,
                "alpn": "h2" if agent.http == "2" else "http/1.1",
            },
        },
        "request": {
            "method": call.method,
            "scheme": "https",
            "authority": f"{api}.example",
            "path": call.path,
            "version": agent.http,
            "user_agent": agent.user_agent,
            "body_bytes": call.bytes_in,
        },
        "stages": [{"stage": "decisions", "outcome": "pass"}, {"stage": "route", "outcome": "pass"}],
        "response": {
            "status": call.status,
            "body_bytes": call.bytes_out,
            "content_type": "application/problem+json" if refused else "application/json",
            "complete": True,
        },
        "timing": {
            "total_us": call.upstream_us + 400,
            "engine_us": 60 + chance.randrange(60),
            "upstream_us": 0 if refused else call.upstream_us,
        },
    }
    if call.query:
        told["request"]["query"] = call.query
    if call.operation:
        told["operation"] = call.operation.id
    if not refused:
        told["response"]["upstream"] = "http://127.0.0.1:9000"
    if call.credential and call.refused_by != "identity":
        told["identity"] = _identity(call.credential)
        if call.credential.session:
            told["session"] = call.credential.session
    if refused:
        told["refusals"] = [_refusal(call)]
    if call.finding:
        told["findings"] = [
            {"detector": call.finding, "place": "query.q", "confidence": 0.9, "evidence": "x", "note": "simulated"}
        ]
    return told


def exchange_id(chance: random.Random, time: int) -> str:
    """A ULID, as the gateway gives it."""
    number, text = (time // 1000 << 80) | chance.getrandbits(80), ""
    for _ in range(26):
        text = LETTERS[number & 31] + text
        number >>= 5
    return text


def _actor(call: Call) -> str:
    if call.credential and call.refused_by != "identity":
        return f"subject:{call.credential.subject}"
    return f"address:{call.address}"


def _identity(credential: Credential) -> Mapping[str, Any]:
    told: dict[str, Any] = {"subject": credential.subject, "roles": [credential.role]}
    if credential.key:
        return told | {"method": "api_key", "key": credential.key}
    return told | {
        "method": "jwt",
        "session": credential.session,
        "token": credential.token,
        "token_hash": token_hash(credential.token),
    }


def _refusal(call: Call) -> Mapping[str, Any]:
    reasons = {"identity": "identity.missing", "decisions": "decisions.blocked"}
    return {
        "stage": call.refused_by,
        "reason": reasons.get(call.refused_by, f"{call.refused_by}.denied"),
        "status": call.status,
        "setting": "",
        "detail": "",
    }
