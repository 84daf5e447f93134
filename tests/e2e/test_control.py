"""The control process alone: what it serves, and that it ends in order."""

from __future__ import annotations

import httpx
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import until


def test_the_admin_api_tells_what_runs(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    with stockade.client() as client:
        exchange_id = client.get("/items").headers["x-stockade-id"]
    assert httpx.get(f"{stockade.admin_url}/healthz").json() == {"status": "ok"}
    assert stockade.readiness()["status"] == "ready"
    assert httpx.get(f"{stockade.admin_url}/api/v1/status").status_code == 401
    assert httpx.get(f"{stockade.admin_url}/healthz", headers={"host": "evil.example"}).status_code == 421
    status = stockade.admin().ask("GET", "/api/v1/status")
    assert status["gateway"]["pid"] == stockade.gateway_pid()
    assert status["policy"]["ok"] is True
    until(lambda: stockade.admin().ask("GET", "/api/v1/events?limit=1")["events"], what="the event")
    shown = stockade.admin().ask("GET", f"/api/v1/events/{exchange_id}")
    assert shown["verdict"] == "allowed"
    assert [api["name"] for api in stockade.admin().ask("GET", "/api/v1/apis")["apis"]] == ["main"]


def test_an_end_in_order_leaves_no_trace_of_processes(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    assert stockade.stop() == 0
    assert stockade.control_pid() is None
    assert stockade.gateway_pid() is None
