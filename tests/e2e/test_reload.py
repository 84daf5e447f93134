"""A config that changes while traffic runs: taken whole, or nothing changes."""

from __future__ import annotations

import time
from functools import partial

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, hammering, until
from tests.e2e.test_flow import ATTACK


def bundle_of(stockade: Stockade) -> int:
    return int(stockade.link().status()["bundle"])


def is_at_least(stockade: Stockade, bundle: int) -> bool:
    return bundle_of(stockade) >= bundle


def test_reloads_refuse_and_reset_nothing(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    first = bundle_of(stockade)
    with hammering(stockade.url, clients=8) as outcomes:
        for number in range(4):
            limit = {"name": "all", "by": ["address"], "rate": f"{100_000 + number}/s", "burst": 100_000}
            stockade.configure({"version": 1, "apis": {"main": {"upstream": origin.url, "limits": [limit]}}})
            wanted = first + number + 1
            until(partial(is_at_least, stockade, wanted), what="the new bundle")
            time.sleep(0.2)
    failed = [outcome for outcome in outcomes if not isinstance(outcome, httpx.Response) or outcome.status_code != 200]
    assert failed == []
    assert len(outcomes) > 200


def test_a_new_mode_takes_effect(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    with stockade.client() as client:
        assert client.get(ATTACK).status_code == 403
        stockade.configure({"version": 1, "apis": {"main": {"upstream": origin.url, "mode": "monitor"}}})
        until(lambda: client.get(ATTACK).status_code == 200, what="monitor mode")


@pytest.mark.parametrize("wrong", ["apis: {main: {upstream: 7}}\n", "apis: [", ""])
def test_a_wrong_config_changes_nothing_and_is_shown(
    origin: Origin, gateway_factory: GatewayFactory, wrong: str
) -> None:
    stockade = gateway_factory(origin.url)
    before = bundle_of(stockade)
    stockade.config_file.write_text(wrong)
    until(lambda: not stockade.readiness()["parts"]["config"]["ok"], what="the problem")
    config = stockade.readiness()["parts"]["config"]
    assert "stockade.yaml" in config["detail"]
    assert stockade.readiness()["status"] == "ready"
    assert bundle_of(stockade) == before
    with stockade.client() as client:
        assert client.get("/items").status_code == 200
        assert client.get(ATTACK).status_code == 403
    assert "stockade.yaml" in stockade.log.read_text()


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty"])
def test_a_bad_bundle_is_refused_and_told(origin: Origin, gateway_factory: GatewayFactory, damage: str) -> None:
    stockade = gateway_factory(origin.url)
    before = bundle_of(stockade)
    bundles = stockade.data / "bundles"
    good = (bundles / (bundles / "current").read_text().strip()).read_bytes()
    bad = {"truncated": good[:-10], "flipped": good[:-1] + bytes([good[-1] ^ 1]), "empty": b""}[damage]
    (bundles / "000000009999.bundle").write_bytes(bad)
    (bundles / "current").write_text("000000009999.bundle")
    answer = stockade.link().reload()
    assert answer["ok"] is False
    assert answer["code"].startswith("bundle.")
    assert bundle_of(stockade) == before
    with stockade.client() as client:
        assert client.get("/items").status_code == 200
    notice = until(lambda: [notice for notice in stockade.notices() if notice.code == "bundle.refused"], what="notice")
    assert notice[0].detail


def test_a_policy_that_stops_everybody_is_taken_back_by_itself(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    before = bundle_of(stockade)
    nobody = {"methods": [{"api_key": {"header": "x-key", "keys": [{"id": "k", "sha256": "0" * 64, "subject": "s"}]}}]}
    with hammering(stockade.url, clients=2) as outcomes:
        time.sleep(3.5)
        stockade.configure({"version": 1, "apis": {"main": {"upstream": origin.url, "identity": nobody}}})
        until(lambda: bundle_of(stockade) > before, what="the new bundle")
        until(lambda: bundle_of(stockade) == before, seconds=15, what="the bundle before it")
        served = len(outcomes)
        until(lambda: len(outcomes) > served + 20, what="further calls")
    statuses = [outcome.status_code for outcome in outcomes]
    assert 401 in statuses
    assert set(statuses[-10:]) == {200}
    (notice,) = [notice for notice in stockade.notices() if notice.code == "bundle.taken_back"]
    assert f"bundle {before} is in force again" in notice.detail
    assert "gateway.trial" in notice.detail
    # A restart keeps it that way.
    assert (stockade.data / "bundles" / "current").read_text().strip() == f"{before:012}.bundle"
    config = stockade.readiness()["parts"]["config"]
    assert not config["ok"]
    assert f"judges by {before}" in config["detail"]
