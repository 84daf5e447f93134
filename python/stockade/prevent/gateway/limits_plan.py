"""Limits as their plans (`crates/model/src/plan/limits.rs`)."""

import math
from collections.abc import Sequence, Set
from typing import Any

from stockade.config.limits import Cost, Limit, Tier, status_range
from stockade.config.shared_limits import SharedLimits
from stockade.prevent.gateway.stage_plans import selector_plan

DELAY_MS = 5000
"""Longest wait of a tier that slows down and does not say."""

FAILURES = ("401", "403")
"""Statuses that are failures when nothing else is said."""


def limit_plan(limit: Limit, shared: SharedLimits | None) -> dict[str, Any]:
    """As in `LimitPlan`.

    Args:
        limit: the settings, checked.
        shared: where gateways count together; None when they do not.
    """
    exact_in_body = any(cost.body or cost.graphql for cost in limit.cost)
    default = "local" if shared is None else "approximate" if exact_in_body else shared.mode
    return {
        "name": limit.name,
        "by": list(limit.by),
        "select": None if limit.is_empty else selector_plan(limit),
        "count": _count(limit),
        "shared": limit.shared or default,
        "tiers": [_tier(tier) for tier in limit.all_tiers],
    }


def claims_of(limits: Sequence[Limit]) -> frozenset[str]:
    """Names of the claims that limits count by."""
    names = {name for limit in limits for name in (*limit.by, *limit.object)}
    return frozenset(name.removeprefix("claim:") for name in names if name.startswith("claim:"))


def with_claims(identity: dict[str, Any], claims: Set[str]) -> dict[str, Any]:
    """The plan of identity with claims that other stages need: nothing else of a token is kept.

    Args:
        identity: as in `IdentityPlan`.
        claims: their names.
    """
    if not claims:
        return identity
    methods = [
        {**method, "claims": list(dict.fromkeys([*method.get("claims", ()), *sorted(claims)]))}
        if method["kind"] in ("jwt", "introspection")
        else method
        for method in identity["methods"]
    ]
    return {**identity, "methods": methods}


def _count(limit: Limit) -> dict[str, Any]:
    match limit.count:
        case "distinct":
            return {"unit": "distinct", "object": list(limit.object)}
        case "failures":
            ranges = [status_range(text) for text in limit.statuses or FAILURES]
            return {"unit": "failures", "statuses": [{"first": first, "last": last} for first, last in ranges]}
        case "cost":
            return {"unit": "cost", "base": limit.base_cost, "points": [_point(cost) for cost in limit.cost]}
        case unit:
            return {"unit": unit}


def _point(cost: Cost) -> dict[str, Any]:
    places = (("query", cost.query), ("body", cost.body))
    place, name = next(((place, name) for place, name in places if name is not None), ("graphql", ""))
    return {
        "in": place,
        "name": name,
        "factor_millis": max(1, math.ceil(round(cost.factor * 1000, 6))),
        "default": cost.default,
        "most": cost.most,
    }


def _tier(tier: Tier) -> dict[str, Any]:
    amount = tier.rate.amount if tier.rate else tier.at_once
    delay_ms = tier.delay.ms if tier.delay else DELAY_MS
    return {
        "amount": amount,
        "period_ms": tier.rate.period.ms if tier.rate else 0,
        "burst": tier.burst or amount,
        "action": tier.action,
        "delay_ms": delay_ms if tier.action == "slow_down" else 0,
    }


def shared_limits_plan(shared: SharedLimits | None) -> dict[str, Any] | None:
    """As in `SharedLimitsPlan`."""
    if shared is None:
        return None
    return {
        "url": shared.url,
        "user": shared.user,
        "password": shared.password.get_secret_value() if shared.password else None,
        "ca_file": str(shared.ca_file) if shared.ca_file else None,
        "prefix": shared.prefix,
        "timeout_ms": shared.timeout.ms,
        "sync_ms": shared.sync.ms,
        "gateways": shared.gateways,
    }
