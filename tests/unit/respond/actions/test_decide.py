from __future__ import annotations

import pytest
from tests.unit.records import an_event

from stockade.model.decision import DecisionAction
from stockade.respond.actions.decide import fits, problem_of, reach_of

BLOCK = DecisionAction.BLOCK


@pytest.mark.parametrize(
    ("selector", "seconds", "code"),
    [
        ({}, 60, "decision.selector_empty"),
        ({"colour": "red"}, 60, "decision.selector_attribute"),
        ({"header:": "x"}, 60, "decision.selector_attribute"),
        ({"subject": ""}, 60, "decision.selector_value"),
        ({"subject": "x" * 1025}, 60, "decision.selector_value"),
        ({"address": "nowhere"}, 60, "decision.selector_address"),
        ({"address": "0.0.0.0/0"}, 60, "decision.selector_everybody"),
        ({"address": "::/0"}, 60, "decision.selector_everybody"),
        ({"subject": "alice"}, 0, "decision.expiry"),
        ({"subject": "alice"}, 91 * 86400, "decision.expiry"),
        ({"address": "192.0.2.7"}, 3601, "decision.shared_too_long"),
        ({"address": "192.0.2.7", "api": "shop"}, 3601, "decision.shared_too_long"),
        ({"operation": "login"}, 3601, "decision.shared_too_long"),
    ],
)
def test_what_would_hit_too_many_is_refused(selector: dict[str, str], seconds: int, code: str) -> None:
    problem = problem_of(selector, BLOCK, seconds)
    assert problem is not None
    assert problem.code == code
    assert problem.hint


@pytest.mark.parametrize(
    ("selector", "seconds"),
    [
        ({"address": "192.0.2.7"}, 3600),
        ({"address": "192.0.2.7", "subject": "alice"}, 86400),
        ({"key": "partner-1"}, 30 * 86400),
        ({"header:user-agent": "bad/1.0"}, 86400),
    ],
)
def test_what_names_an_actor_or_ends_soon_is_taken(selector: dict[str, str], seconds: int) -> None:
    assert problem_of(selector, BLOCK, seconds) is None


def test_an_allowance_of_an_address_may_last() -> None:
    assert problem_of({"address": "192.0.2.7"}, DecisionAction.ALLOW, 86400) is None


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"address": "192.0.2.0/24"}, True),
        ({"address": "192.0.3.0/24"}, False),
        ({"address": "2001:db8::/32"}, False),
        ({"subject": "alice", "client": "web"}, True),
        ({"subject": "alice", "client": "app"}, False),
        ({"key": "k1", "method": "GET", "operation": "listOrders", "api": "shop"}, True),
        ({"method": "POST"}, False),
    ],
)
def test_all_attributes_must_be_equal(selector: dict[str, str], expected: bool) -> None:
    assert fits(selector, an_event()) is expected


def test_a_mapped_address_is_compared_as_ipv4() -> None:
    event = an_event(client={"address": "::ffff:192.0.2.7", "port": 1})
    assert fits({"address": "192.0.2.7"}, event)


def test_the_reach_counts_whom_it_would_hit() -> None:
    events = [
        an_event(verdict="allowed", actor="subject:alice"),
        an_event(verdict="refused", actor="subject:alice"),
        an_event(verdict="allowed", actor="subject:bob"),
        an_event(verdict="allowed", actor="subject:carol", client={"address": "203.0.113.1", "port": 1}),
    ]
    reach = reach_of({"address": "192.0.2.7", "header:x-a": "1"}, events)
    assert (reach.looked_at, reach.exchanges, reach.allowed, reach.actors) == (4, 3, 2, 2)
    assert reach.sample == ("subject:alice", "subject:bob")
    assert reach.unseen == ("header:x-a",)


def test_a_selector_that_events_cannot_show_counts_nobody() -> None:
    assert reach_of({"header:x-a": "1"}, [an_event()]).exchanges == 0
