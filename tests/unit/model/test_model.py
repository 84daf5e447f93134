"""Problems, decisions and events survive the way to JSON and back."""

import pytest

from stockade.model import Decision, DecisionAction, Event, Notice, Problem, Severity, record_from_json

EXCHANGE = {
    "kind": "exchange",
    "format": 1,
    "id": "01J00000000000000000000000",
    "time": 1,
    "gateway": "gateway-1",
    "bundle": 3,
    "verdict": "refused",
    "actor": "address:192.0.2.1",
    "client": {"address": "192.0.2.1", "port": 5, "tls": {"version": "TLSv1.3", "server_name": None}},
    "refusals": [{"stage": "access", "reason": "access.denied", "status": 403, "setting": "x", "detail": "y"}],
    "timing": {"total_us": 1, "engine_us": 1, "upstream_us": 0},
    "a_later_field": True,
}


def test_an_exchange_is_read_and_later_fields_are_ignored() -> None:
    event = record_from_json(EXCHANGE)
    assert isinstance(event, Event)
    assert event.refusals[0].reason == "access.denied"
    assert event.request is None
    assert event.client.tls is not None
    assert event.client.tls.version == "TLSv1.3"


def test_a_notice_is_read() -> None:
    notice = record_from_json(
        {"kind": "notice", "format": 1, "time": 2, "gateway": "g", "code": "bundle.refused", "detail": "d"}
    )
    assert isinstance(notice, Notice)
    assert notice.code == "bundle.refused"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="exchange"):
        record_from_json({"kind": "poem"})


def test_a_decision_survives_json() -> None:
    decision = Decision("d1", {"subject": "mallory"}, DecisionAction.BLOCK, "brute force", 5)
    assert Decision.from_json(decision.to_json()) == decision


def test_a_problem_is_one_line() -> None:
    problem = Problem("gateway.listen", "expected `address:port`", "8080", "stockade.yaml", 3, "write `127.0.0.1:8080`")
    told = "stockade.yaml:3: gateway.listen: expected `address:port`, got `8080` (write `127.0.0.1:8080`)"
    assert str(problem) == told
    warning = Problem("apis.shop", "selects no operation", severity=Severity.WARNING)
    assert str(warning) == "warning: apis.shop: selects no operation"
