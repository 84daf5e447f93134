from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.unit.app.admin.asking import AppClient, Owned
from tests.unit.app.admin.states import NOW, SHOP, Clock, FakeLink, a_state
from tests.unit.records import an_id

from stockade.app.admin.application import build
from stockade.app.policy_status import PolicyStatus


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def status() -> dict[str, PolicyStatus]:
    return {"policy": PolicyStatus(True, 3, NOW)}


@pytest.fixture
def client(tmp_path: Path, link: FakeLink, status: Mapping[str, PolicyStatus]) -> AppClient:
    state = a_state(tmp_path, Clock(), link, lambda: status["policy"])
    as_owner = Owned(build(state))
    return AppClient(as_owner)


def test_ready_names_every_part(client: AppClient) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert list(answer.json()["parts"]) == ["gateway", "bundle", "spool", "archive", "config"]


def test_not_ready_without_a_gateway(client: AppClient, link: FakeLink) -> None:
    link.answers = None
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["gateway"]["ok"] is False
    assert client.get("/healthz").status_code == 200


def test_a_wrong_config_is_shown_but_does_not_end_readiness(client: AppClient, status: dict[str, PolicyStatus]) -> None:
    status["policy"] = PolicyStatus(False, 3, NOW, problems=("stockade.yaml:3: apis.shop: wrong",))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"]["config"] == {"ok": False, "detail": "stockade.yaml:3: apis.shop: wrong"}


def test_events_come_newest_first_and_filtered(client: AppClient) -> None:
    everything = client.get("/api/v1/events").json()["events"]
    assert [event["seq"] for event in everything] == [3, 2, 1]
    refused = client.get("/api/v1/events", params={"verdict": "refused", "limit": 1}).json()["events"]
    assert [event["seq"] for event in refused] == [3]


@pytest.mark.parametrize(
    "question",
    [{"limit": 1001}, {"limit": 0}, {"limit": "many"}, {"verdict": "maybe"}, {"since": "yesterday"}, {"status": "x"}],
)
def test_a_question_that_makes_no_sense_is_refused(client: AppClient, question: dict[str, Any]) -> None:
    answer = client.get("/api/v1/events", params=question)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_one_event_by_its_id(client: AppClient) -> None:
    assert client.get(f"/api/v1/events/{an_id(2).lower()}").json()["seq"] == 2
    assert client.get(f"/api/v1/events/{an_id(99)}").status_code == 404
    assert client.get("/api/v1/events/nonsense").status_code == 404


def test_a_decision_is_counted_taken_listed_and_undone(client: AppClient) -> None:
    asked = {"selector": {"subject": "alice"}, "reason": "abuse", "expires_in": "10m"}
    counted = client.post("/api/v1/decisions", json={**asked, "preview": True}).json()
    assert counted["taken"] is False
    assert client.get("/api/v1/decisions").json() == {"decisions": []}
    taken = client.post("/api/v1/decisions", json=asked)
    assert taken.status_code == 201
    assert taken.json()["reach"]["exchanges"] == 3
    assert taken.json()["reach"]["allowed"] == 1
    assert taken.json()["enforced"] is True
    decision = taken.json()["decision"]
    assert decision["expires_at"] == NOW + 600_000_000
    assert client.get("/api/v1/decisions").json() == {"decisions": [decision]}
    assert client.delete(f"/api/v1/decisions/{decision['id']}").status_code == 200
    assert client.delete(f"/api/v1/decisions/{decision['id']}").status_code == 404


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"selector": {}}, "decision.selector_empty"),
        ({"selector": {"address": "192.0.2.1"}, "expires_in": "2h"}, "decision.shared_too_long"),
        ({"expires_in": "soon"}, "duration"),
        ({"expires_in": None}, "admin.invalid"),
        ({"action": "maim"}, "admin.invalid"),
        ({"colour": "red"}, "admin.invalid"),
        ({"reason": ""}, "admin.invalid"),
    ],
)
def test_a_decision_that_may_not_be_is_refused(client: AppClient, change: dict[str, Any], code: str) -> None:
    asked = {"selector": {"subject": "alice"}, "reason": "abuse", "expires_in": "10m", **change}
    answer = client.post("/api/v1/decisions", json=asked)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code
    assert client.get("/api/v1/decisions").json() == {"decisions": []}


def test_status_and_apis(client: AppClient) -> None:
    status = client.get("/api/v1/status").json()
    assert status["gateway"]["bundle"] == 3
    assert status["events"]["verdicts"] == {"refused": 2, "allowed": 1}
    assert client.get("/api/v1/apis").json() == {"apis": [json.loads(json.dumps(SHOP))]}


def test_metrics_are_prometheus_text(client: AppClient, link: FakeLink) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert "stockade_gateway_up 1" in lines
    assert 'stockade_exchanges_total{api="shop",verdict="refused"} 2' in lines
    assert "stockade_gateway_exchanges_total 5" in lines
    assert "stockade_gateway_open_connections 2" in lines
    assert "stockade_spool_dropped_total 0" in lines
    link.answers = None
    assert "stockade_gateway_up 0" in client.get("/metrics").text.splitlines()


def test_no_page_describes_the_interface(client: AppClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404
