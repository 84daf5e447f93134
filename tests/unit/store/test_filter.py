from __future__ import annotations

from typing import Any

import pytest
from tests.unit.records import an_event

from stockade.model.event import Notice, Record
from stockade.store.filter import EventFilter

NOTICE = Notice(format=1, time=1_000, gateway="gateway-1", code="bundle.refused", detail="expected a signature")


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, True),
        ({"verdict": "refused"}, True),
        ({"verdict": "allowed"}, False),
        ({"status": 403}, True),
        ({"status": 200}, False),
        ({"api": "shop"}, True),
        ({"api": "other"}, False),
        ({"operation": "listOrders"}, True),
        ({"actor": "subject:alice"}, True),
        ({"actor": "alice"}, True),
        ({"actor": "ali"}, False),
        ({"path": "/orders"}, True),
        ({"path": "/users"}, False),
        ({"reason": "access.denied"}, True),
        ({"reason": "access"}, True),
        ({"reason": "acc"}, False),
        ({"since": 2_000}, True),
        ({"since": 2_001}, False),
        ({"until": 2_000}, False),
        ({"until": 2_001, "verdict": "refused", "status": 403}, True),
    ],
)
def test_everything_named_must_fit(asked: dict[str, Any], fits: bool) -> None:
    event: Record = an_event(time=2_000)
    assert EventFilter(**asked).fits(event) is fits


def test_a_notice_fits_only_a_question_about_time() -> None:
    assert EventFilter(since=500).fits(NOTICE)
    assert not EventFilter(verdict="refused").fits(NOTICE)


def test_an_event_without_a_readable_head_fits_no_path() -> None:
    assert not EventFilter(path="/").fits(an_event(request=None))
