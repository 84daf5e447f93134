"""Limits: what may stand together, and what the plan makes of it."""

from __future__ import annotations

import pytest
from tests.unit.config.conftest import Load, Problems

from stockade.config.limits import status_range
from stockade.config.values import Rate
from stockade.prevent.gateway.limits_plan import claims_of, limit_plan, with_claims


def config(limit: str, before: str = "") -> str:
    return f"{before}apis: {{a: {{upstream: 'http://h', limits: [{limit}]}}}}"


@pytest.mark.parametrize(
    ("limit", "setting", "message"),
    [
        ("{name: l, by: [actor]}", "apis.a.limits[0]", "expected `rate`"),
        ("{name: l, by: [actor], rate: 1/s, at_once: 3}", "apis.a.limits[0]", "no `at_once`"),
        ("{name: l, by: [actor], count: concurrency, rate: 1/s}", "apis.a.limits[0]", "expected `at_once`"),
        ("{name: l, by: [actor], count: bytes_out, rate: 1/s}", "apis.a.limits[0].rate", "such as `10MiB/s`"),
        ("{name: l, by: [actor], rate: 1MiB/s}", "apis.a.limits[0].rate", "expected a plain number"),
        ("{name: l, by: [actor], count: distinct, rate: 1/s}", "apis.a.limits[0].count", "expected `object`"),
        ("{name: l, by: [actor], rate: 1/s, statuses: [401]}", "apis.a.limits[0].statuses", "`count: failures`"),
        (
            "{name: l, by: [actor], count: failures, rate: 1/s, statuses: [4x]}",
            "apis.a.limits[0].statuses[0]",
            "expected statuses",
        ),
        ("{name: l, by: [actor], rate: 1/s, delay: 1s}", "apis.a.limits[0].delay", "`action: slow_down`"),
        ("{name: l, by: [actor], rate: 1/s, tiers: [{rate: 1/s}]}", "apis.a.limits[0].rate", "expected only `tiers`"),
        ("{name: l, by: [actor], rate: 1/s, shared: exact}", "apis.a.limits[0].shared", "`gateway.shared_limits`"),
        ("{name: l, by: ['claim:tenant'], rate: 1/s}", "apis.a.limits[0].by", "such as `jwt`"),
        (
            "{name: l, by: [actor], count: cost, rate: 9/s, cost: [{query: a, body: /b}]}",
            "apis.a.limits[0].cost[0]",
            "exactly one of `query`, `body` and `graphql`",
        ),
    ],
)
def test_what_does_not_fit_is_named(problems: Problems, limit: str, setting: str, message: str) -> None:
    found = problems(config(limit))
    assert [problem.setting for problem in found] == [setting]
    assert message in str(found[0])


@pytest.mark.parametrize("url", ["http://h", "redis://user:pw@h", "redis://h:6379/x", "unix:relative", "redis://"])
def test_only_an_address_of_a_store_is_taken(problems: Problems, url: str) -> None:
    found = problems(config("", f"gateway: {{shared_limits: {{url: '{url}'}}}}\n"))
    assert found[0].setting == "gateway.shared_limits.url"


def test_a_tier_that_is_never_reached_is_told(load_text: Load) -> None:
    tiers = "tiers: [{rate: 1/s}, {rate: 2/s, action: log}]"
    loaded = load_text(config(f"{{name: l, by: [actor], {tiers}}}"))
    assert [problem.setting for problem in loaded.warnings] == ["apis.a.limits[0].tiers[1]"]


def test_limits_become_plans(load_text: Load) -> None:
    text = config(
        "{name: bytes, by: [actor], count: bytes_out, rate: 10MiB/m, burst: 20MiB},"
        "{name: running, by: [actor], count: concurrency, at_once: 4, action: slow_down},"
        "{name: failing, by: [network], count: failures, rate: 5/m, statuses: [401, 5xx, 500-504]},"
        "{name: costly, by: [actor], count: cost, rate: 100/m, cost: [{body: /items, factor: 0.25}], base_cost: 2},"
        "{name: own, by: [actor], rate: 1/s, shared: local}",
        "gateway: {shared_limits: {url: 'redis://h', mode: exact}}\n",
    )
    loaded = load_text(text).config
    shared = loaded.gateway.shared_limits
    plans = [limit_plan(limit, shared) for limit in loaded.apis["a"].limits]
    assert plans[0]["tiers"] == [
        {"amount": 10 << 20, "period_ms": 60_000, "burst": 20 << 20, "action": "refuse", "delay_ms": 0}
    ]
    assert plans[1]["tiers"] == [{"amount": 4, "period_ms": 0, "burst": 4, "action": "slow_down", "delay_ms": 5000}]
    assert plans[2]["count"]["statuses"] == [
        {"first": 401, "last": 401},
        {"first": 500, "last": 599},
        {"first": 500, "last": 504},
    ]
    assert plans[3]["count"] == {
        "unit": "cost",
        "base": 2,
        "points": [{"in": "body", "name": "/items", "factor_millis": 250, "default": 1, "most": 10_000}],
    }
    # What stands in the body is known too late to ask the store.
    assert [plan["shared"] for plan in plans] == ["exact", "exact", "exact", "approximate", "local"]


def test_rates_of_bytes_are_read_and_written() -> None:
    rate = Rate.parse("10MiB/30s")
    assert (rate.amount, rate.period.ms, rate.of_bytes) == (10 << 20, 30_000, True)
    assert Rate.parse(str(rate)) == rate
    assert status_range("4xx") == (400, 499)


def test_claims_that_limits_count_by_are_kept_of_tokens(load_text: Load) -> None:
    limits = load_text(config("{name: l, by: [actor], rate: 1/s}")).config.apis["a"].limits
    identity = {"methods": [{"kind": "jwt", "claims": ["b"]}, {"kind": "api_key"}]}
    assert with_claims(identity, claims_of(limits)) is identity
    counting = limits[0].model_copy(update={"by": ("claim:tenant", "claim:b")})
    assert with_claims(identity, claims_of([counting]))["methods"] == [
        {"kind": "jwt", "claims": ["b", "tenant"]},
        {"kind": "api_key"},
    ]
