"""What behaviour reads of one event, flat and cheap: made straight from the record, without the whole event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

_ID = re.compile(r"\d+|[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}|(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{12,64}")
"""A path segment that is an id by its looks: a number, a UUID, or a long mix of letters and digits."""

_MOST_OBJECTS = 4
"""Ids looked at in one request."""


class Observation:
    """One exchange as detectors see it. Texts are as in the event; times in microseconds since the epoch."""

    __slots__ = (
        "actor",
        "address",
        "agent",
        "anonymous",
        "api",
        "bytes_out",
        "detectors",
        "id",
        "key",
        "known",
        "method",
        "network",
        "objects",
        "operation",
        "own",
        "path",
        "print",
        "refused_by",
        "role",
        "session",
        "status",
        "subject",
        "time",
        "token",
        "took_us",
    )

    id: str
    """Id of the exchange."""
    time: int
    """When it came."""
    api: str
    """API; empty when none was found."""
    operation: str
    """Operation with its API in front; for one that the contract does not know, method and template by looks."""
    known: bool
    """Whether the contract knows the operation."""
    method: str
    """Method."""
    path: str
    """Path, masked."""
    objects: tuple[tuple[str, str], ...]
    """Ids in path and query, each with the kind of object: the template that it stands behind."""
    status: int
    """Status that the caller got; 0 when none was sent."""
    bytes_out: int
    """Bytes sent."""
    took_us: int
    """Time the upstream took, microseconds."""
    refused_by: str
    """Stage that refused it; empty when none did."""
    own: bool
    """Whether a decision refused it: what Stockade itself did must not count against anybody."""
    actor: str
    """The strongest proven thing, `kind:id`; without proof, address and client together."""
    subject: str
    """Proven subject; empty without."""
    key: str
    """Key; empty without."""
    session: str
    """Session; empty without."""
    token: str
    """Token by its hash or id; empty without."""
    role: str
    """Roles, or how the caller was proven; `anonymous` without proof."""
    anonymous: bool
    """Whether nothing was proven."""
    address: str
    """Address of the caller."""
    network: str
    """The network of the address: /16 of IPv4, /48 of IPv6. Phones change addresses inside one."""
    agent: str
    """`User-Agent`."""
    print: str
    """What the client looks like: `User-Agent`, TLS and HTTP."""
    detectors: tuple[str, ...]
    """Detectors that were sure of an attack in a value."""


def read(raw: Mapping[str, Any]) -> Observation | None:
    """Read one record of the spool.

    Returns:
        None for a notice, and for an exchange of which nothing was readable.
    """
    request = raw.get("request")
    if raw.get("kind") != "exchange" or request is None:
        return None
    seen = Observation()
    client, identity = raw["client"], raw.get("identity")
    seen.id, seen.time = raw["id"], raw["time"]
    seen.api = raw.get("api") or ""
    seen.method, seen.path = request["method"], request["path"]
    response = raw.get("response")
    seen.status = response["status"] if response else 0
    seen.bytes_out = response["body_bytes"] if response else 0
    seen.took_us = raw["timing"]["upstream_us"]
    refusals = raw.get("refusals")
    seen.refused_by = refusals[-1]["stage"] if refusals and raw["verdict"] == "refused" else ""
    seen.own = seen.refused_by == "decisions"
    seen.address = address = client["address"]
    seen.network = network_of(address)
    seen.agent = request.get("user_agent") or ""
    tls = client.get("tls")
    seen.print = f"{seen.agent}|{request['version']}"
    if tls:
        seen.print += f"|{tls['version']}|{tls.get('key_exchange')}|{tls.get('alpn')}"
    seen.session = raw.get("session") or ""
    if identity:
        seen.subject = identity.get("subject") or ""
        seen.key = "" if identity.get("token_hash") else identity.get("key") or ""
        seen.token = identity.get("token_hash") or identity.get("token") or ""
        roles = identity.get("roles")
        seen.role = ",".join(roles) if roles else f"by {identity['method']}"
    else:
        seen.subject = seen.key = seen.token = ""
        seen.role = "anonymous"
    seen.anonymous = not (seen.subject or seen.key)
    if seen.subject:
        seen.actor = f"subject:{seen.subject}"
    elif seen.key:
        seen.actor = f"key:{seen.key}"
    else:
        seen.actor = f"client:{address}|{seen.print}"
    operation = raw.get("operation")
    template, seen.objects = ids_of(seen.path, request.get("query"))
    seen.known = operation is not None
    seen.operation = f"{seen.api} {operation}" if operation else f"{seen.api} {seen.method} {template}"
    findings = raw.get("findings")
    seen.detectors = tuple(one["detector"] for one in findings if one["confidence"] >= 0.5) if findings else ()
    return seen


def network_of(address: str) -> str:
    """The network that one carrier or one site hands addresses out of: /16 of IPv4, /48 of IPv6."""
    if ":" in address:
        return ":".join(address.split(":")[:3])
    first, _, rest = address.partition(".")
    return f"{first}.{rest.partition('.')[0]}"


def ids_of(path: str, query: str | None) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The template of a path by the looks of its segments, and the ids in it and in the query.

    Args:
        path: path as in the event.
        query: query as in the event; parameters whose names end in `id` count.
    """
    found: list[tuple[str, str]] = []
    template = ""
    for segment in path.split("/")[1:]:
        if _ID.fullmatch(segment):
            if len(found) < _MOST_OBJECTS:
                found.append((template, segment))
            template += "/{}"
        else:
            template += f"/{segment}"
    if query and "id=" in query.lower():
        for pair in query.split("&"):
            name, _, value = pair.partition("=")
            if value and name[-2:].lower() == "id" and len(found) < _MOST_OBJECTS:
                found.append((f"?{name}", value))
    return template[:200], tuple(found)


def number_of(text: str) -> int:
    """A number of 64 bits that stands for a text; the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
