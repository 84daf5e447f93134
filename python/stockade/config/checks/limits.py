"""Limits: settings that only make sense together."""

from collections.abc import Iterator

from stockade.config.api import Api
from stockade.config.document.node import Step
from stockade.config.limits import Limit, Tier
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem, Severity

_BYTES = ("bytes_in", "bytes_out")
_ONLY = {"object": "distinct", "statuses": "failures", "cost": "cost", "base_cost": "cost"}
_OWN = ("rate", "burst", "at_once", "delay")


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Tiers that cannot be counted, settings of another unit, sharing without a store."""
    for name, api in config.apis.items():
        for index, limit in enumerate(api.limits):
            steps: tuple[Step, ...] = ("apis", name, "limits", index)
            yield from _unit(steps, limit, sources)
            yield from _sharing(steps, limit, config, sources)
            if "claim" in {attribute.partition(":")[0] for attribute in limit.by}:
                yield from _claims(steps, api, sources)
            if limit.tiers and (given := [key for key in _OWN if getattr(limit, key) is not None]):
                hint = "put it into each entry of `tiers`, or leave `tiers` out"
                yield sources.problem((*steps, given[0]), "expected only `tiers`, which has its own", hint)
            for place, tier in enumerate(limit.all_tiers):
                below = (*steps, "tiers", place) if limit.tiers else steps
                yield from _tier(below, limit, tier, sources)
            yield from _order(steps, limit, sources)


def _unit(steps: tuple[Step, ...], limit: Limit, sources: Sources) -> Iterator[Problem]:
    for key, unit in _ONLY.items():
        if limit.count != unit and key in limit.model_fields_set:
            yield sources.problem((*steps, key), f"expected `count: {unit}` beside it, got `count: {limit.count}`")
    if limit.count == "distinct" and not limit.object:
        hint = "name what tells objects apart, such as `object: [path:order_id]`"
        yield sources.problem((*steps, "count"), "expected `object` beside it", hint)
    if limit.count == "cost" and not limit.cost and limit.base_cost == 1:
        hint = "add `cost`, such as `cost: [{query: limit}]`, or count requests"
        yield sources.problem((*steps, "count"), "every request costs the same", hint, severity=Severity.WARNING)
    for place, cost in enumerate(limit.cost):
        if sum(way is not None for way in (cost.query, cost.body, cost.graphql)) != 1:
            yield sources.problem((*steps, "cost", place), "expected exactly one of `query`, `body` and `graphql`")


def _tier(steps: tuple[Step, ...], limit: Limit, tier: Tier, sources: Sources) -> Iterator[Problem]:
    if limit.count == "concurrency":
        if tier.at_once is None or tier.rate is not None or tier.burst is not None:
            hint = "write how many may run at once, such as `at_once: 10`"
            yield sources.problem(steps, "expected `at_once`, and neither `rate` nor `burst`", hint)
    elif tier.rate is None or tier.at_once is not None:
        hint = "write a rate such as `rate: 100/s`, or count `concurrency`"
        yield sources.problem(steps, "expected `rate`, and no `at_once`", hint)
    elif tier.rate.of_bytes != (limit.count in _BYTES):
        expected = "expected a rate of bytes such as `10MiB/s`" if limit.count in _BYTES else "expected a plain number"
        yield sources.problem((*steps, "rate"), f"{expected} where {limit.count} are counted", got=str(tier.rate))
    if tier.delay is not None and tier.action != "slow_down":
        yield sources.problem((*steps, "delay"), "expected `action: slow_down` beside it")


def _order(steps: tuple[Step, ...], limit: Limit, sources: Sources) -> Iterator[Problem]:
    """A tier behind one that refuses sooner is never reached."""
    reached: list[float] = []
    for place, tier in enumerate(limit.tiers):
        size = tier.at_once or (tier.rate.amount / tier.rate.period.ms if tier.rate else 0)
        if tier.action != "refuse" and any(size >= refused for refused in reached):
            message = "is never reached: a tier before it refuses at a rate that is not higher"
            yield sources.problem((*steps, "tiers", place), message, severity=Severity.WARNING)
        if tier.action == "refuse":
            reached.append(size)


def _sharing(steps: tuple[Step, ...], limit: Limit, config: Config, sources: Sources) -> Iterator[Problem]:
    if limit.shared not in (None, "local") and config.gateway.shared_limits is None:
        hint = "add `gateway.shared_limits` with the `url` of a Redis or Valkey, or leave `shared` out"
        yield sources.problem((*steps, "shared"), "expected `gateway.shared_limits` to count through", hint)
    if limit.shared == "exact" and any(cost.body or cost.graphql for cost in limit.cost):
        hint = "write `shared: approximate`"
        yield sources.problem((*steps, "shared"), "what stands in the body is known too late to ask", hint)


def _claims(steps: tuple[Step, ...], api: Api, sources: Sources) -> Iterator[Problem]:
    if not any(method.jwt for method in api.identity.methods):
        yield sources.problem((*steps, "by"), "expected a method of identity that has claims, such as `jwt`")
