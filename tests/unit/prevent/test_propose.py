"""Proposed limits: above every ordinary caller, whatever a scraper among them does."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from stockade.config.limits import Limit
from stockade.prevent.limits.propose import HEADROOM, proposals


def rows(peaks: dict[int, int], api: str = "shop", operation: str | None = None) -> list[dict[str, object]]:
    """As `busy_minutes` answers, for callers with one minute each: how much it was, and how many had it."""
    return [
        {"api": api, "operation": operation, "asked": asked, "minutes": callers, "callers": callers}
        for asked, callers in sorted(peaks.items())
    ]


def test_a_scraper_does_not_raise_the_limit() -> None:
    (limit,) = proposals(rows({3: 40, 8: 40, 20: 20, 4000: 1}), [], [])
    assert (limit.ordinary, limit.rate) == (20, 40)
    assert (limit.callers_met, limit.asked_met) == (1, 3960)
    assert not limit.is_guess


def test_an_operation_that_is_asked_much_more_rarely_gets_its_own() -> None:
    each = rows({1: 100}, operation="login") + rows({60: 100}, operation="listOrders")
    found = proposals(rows({60: 100}), each, [])
    assert [(limit.name, limit.operation, limit.rate) for limit in found] == [
        ("per-actor", None, 120),
        ("per-actor-login", "login", 5),
    ]


def test_failures_are_counted_by_address() -> None:
    found = proposals(rows({5: 50}), [], rows({1: 20, 2: 9, 900: 2}))
    assert found[1].setting() == {"name": "failures", "by": ["address"], "count": "failures", "rate": "5/m"}
    assert found[1].callers_met == 2


def test_few_callers_are_called_a_guess() -> None:
    (limit,) = proposals(rows({7: 3}), [], [])
    assert limit.is_guess


@given(st.dictionaries(st.integers(1, 10**7), st.integers(1, 10**5), min_size=1, max_size=30), st.text(max_size=80))
def test_every_proposal_is_a_limit_that_config_takes(peaks: dict[int, int], operation: str) -> None:
    found = proposals(
        rows({asked * 10: callers for asked, callers in peaks.items()}), rows({1: 50}, operation=operation), []
    )
    assert found[0].rate >= found[0].ordinary * HEADROOM
    for limit in found:
        Limit.model_validate(yaml.safe_load(yaml.safe_dump(limit.setting())))
