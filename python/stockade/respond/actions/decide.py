"""Whether a decision may be taken, and whom it would hit: pure, no I/O.

Comes before the snapshot is written (`store/decisions.py`) and the gateway is told (`app/decisions.py`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stockade.model.decision import DecisionAction
from stockade.model.event import Event, Identity

ATTRIBUTES = ("address", "subject", "client", "key", "session", "token", "method", "operation", "api")
"""Attributes that a selector may name, beside `header:NAME`."""

SHARED_BLOCK_S = 3600
"""Longest block, in seconds, of a selector that names no proven actor: an address may stand for many people."""

LONGEST_S = 90 * 24 * 3600
"""Longest decision of any kind, in seconds."""

SELECTOR_BYTES = 1024
"""Longest value of one attribute."""


@dataclass(frozen=True, slots=True)
class DecisionProblem:
    """Why a decision is not taken."""

    code: str
    """Stable code, such as `decision.selector_empty`."""
    message: str
    """What was expected and what came."""
    hint: str
    """What to do about it."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a decision would have hit among the exchanges looked at."""

    looked_at: int
    """Exchanges looked at."""
    exchanges: int
    """Exchanges that the selector fits."""
    allowed: int
    """Of these, exchanges that passed every stage: what a block would take away."""
    actors: int
    """Distinct actors of the exchanges that fit."""
    sample: tuple[str, ...]
    """Up to ten of these actors, most exchanges first."""
    unseen: tuple[str, ...]
    """Attributes that events do not record, so that they could not be counted by."""


def problem_of(selector: Mapping[str, str], action: DecisionAction, expires_in_s: int) -> DecisionProblem | None:
    """Say why a decision may not be taken.

    Args:
        selector: attributes that must all be equal.
        action: what is to be done.
        expires_in_s: seconds until it ends.

    Returns:
        The first problem; None when there is none.
    """
    if not selector:
        return DecisionProblem(
            "decision.selector_empty",
            "expected at least one attribute in `selector`, got none",
            "name whom it is about, such as `subject=alice`; an empty selector would hit everybody",
        )
    for name, value in selector.items():
        problem = _attribute_problem(name, value)
        if problem:
            return problem
    if not 1 <= expires_in_s <= LONGEST_S:
        return DecisionProblem(
            "decision.expiry",
            f"expected `expires_in` of 1 second to 90 days, got {expires_in_s} seconds",
            "every decision ends; choose when, and renew it if it is still needed",
        )
    if action is DecisionAction.BLOCK and _is_shared(selector) and expires_in_s > SHARED_BLOCK_S:
        return DecisionProblem(
            "decision.shared_too_long",
            f"expected at most {SHARED_BLOCK_S} seconds for a block that names no proven actor, got {expires_in_s}",
            "an address may be shared by many people: block it for up to `1h`, or name a `subject`, `client` or `key`",
        )
    return None


def reach_of(selector: Mapping[str, str], exchanges: Iterable[Event]) -> Reach:
    """Count whom a selector fits among exchanges.

    Args:
        selector: attributes that must all be equal; already found valid.
        exchanges: those to look at, in any order.
    """
    unseen = tuple(sorted(name for name in selector if name.startswith("header:")))
    tested = {name: value for name, value in selector.items() if name not in unseen}
    actors: dict[str, int] = {}
    looked_at = allowed = 0
    for event in exchanges:
        looked_at += 1
        if tested and fits(tested, event):
            actors[event.actor] = actors.get(event.actor, 0) + 1
            allowed += event.verdict == "allowed"
    ranked = sorted(actors, key=lambda actor: (-actors[actor], actor))
    return Reach(looked_at, sum(actors.values()), allowed, len(actors), tuple(ranked[:10]), unseen)


def fits(selector: Mapping[str, str], event: Event) -> bool:
    """Whether every attribute of a selector is equal to the event's."""
    return all(_equal(name, value, event) for name, value in selector.items())


def _equal(name: str, value: str, event: Event) -> bool:
    if name == "address":
        return _in_range(event.client.address, value)
    identity = event.identity
    seen = {
        "subject": identity.subject if identity else None,
        "client": identity.client if identity else None,
        "key": identity.key if identity else None,
        "session": event.session,
        "token": _token(identity, value) if identity else None,
        "method": event.request.method if event.request else None,
        "operation": event.operation,
        "api": event.api,
    }
    return seen.get(name) == value


def _token(identity: Identity, value: str) -> str | None:
    """`value` itself when it is the token's `jti`, or its SHA-256, whole or its first half."""
    known = identity.token_hash
    return value if known is not None and len(value) in (32, 64) and value.lower().startswith(known) else identity.token


def _in_range(address: str, network: str) -> bool:
    try:
        wanted = ipaddress.ip_network(network, strict=False)
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return found in wanted


def _attribute_problem(name: str, value: str) -> DecisionProblem | None:
    if name not in ATTRIBUTES and not (name.startswith("header:") and name != "header:"):
        return DecisionProblem(
            "decision.selector_attribute",
            f"expected one of {', '.join(ATTRIBUTES)} or `header:NAME` in `selector`, got `{name}`",
            "decisions select by the same attributes as limits do",
        )
    if not value or len(value.encode()) > SELECTOR_BYTES:
        return DecisionProblem(
            "decision.selector_value",
            f"expected 1 to {SELECTOR_BYTES} bytes for `{name}` in `selector`, got {len(value.encode())}",
            "give the value that requests must have",
        )
    if name == "address":
        return _address_problem(value)
    return None


def _address_problem(value: str) -> DecisionProblem | None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return DecisionProblem(
            "decision.selector_address",
            f"expected an address or a CIDR range for `address` in `selector`, got `{value[:80]}`",
            "write it as `192.0.2.7` or `192.0.2.0/24`",
        )
    if network.prefixlen == 0:
        return DecisionProblem(
            "decision.selector_everybody",
            f"expected a range smaller than all addresses for `address` in `selector`, got `{value}`",
            "name the range that misbehaves; to stop an API altogether, stop its upstream or its gateway",
        )
    return None


def _is_shared(selector: Mapping[str, str]) -> bool:
    return not any(
        name in ("subject", "client", "key", "session", "token") or name.startswith("header:") for name in selector
    )
