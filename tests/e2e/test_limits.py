"""Limits through a whole Stockade: what is counted, what callers are told, and several gateways with a real Redis."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until

from stockade.app.limits import in_force


@pytest.fixture
def redis(short_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A store of its own on a socket; its address and process."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        pytest.skip("neither redis-server nor valkey-server is installed")
    socket = short_path / "store.sock"
    options = ["--port", "0", "--save", "", "--appendonly", "no", "--dir", str(short_path)]
    process = subprocess.Popen([program, *options, "--unixsocket", str(socket)], stdout=subprocess.DEVNULL)
    try:
        until(socket.exists)
        yield f"unix:{socket}", process
    finally:
        process.kill()
        process.wait()


def limited(*limits: dict[str, Any]) -> dict[str, Any]:
    return {"limits": list(limits)}


def test_callers_are_told_what_is_left_and_when_to_come_back(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, api=limited({"name": "l", "by": ["address"], "rate": "2/m"}))
    with stockade.client() as client:
        answers = [client.get("/items") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"l";q=2;w=60'
    assert answers[0].headers["ratelimit"].startswith('"l";r=1;t=')
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    event = stockade.event(answers[2].headers["x-stockade-id"])
    assert event.refusals[-1].reason == "limit.reached"
    assert event.refusals[-1].setting == "apis.main.limits.l"
    (listed,) = in_force(stockade.data, None)
    assert (listed.name, listed.tiers, listed.refused) == ("l", ("refuse over 2/m",), 1)


def test_a_slowed_exchange_waits_and_tells_why(origin: Origin, gateway_factory: GatewayFactory) -> None:
    tiers = [{"rate": "1/s", "action": "slow_down", "delay": "1s"}]
    stockade = gateway_factory(origin.url, api=limited({"name": "l", "by": ["address"], "tiers": tiers}))
    with stockade.client() as client:
        assert client.get("/items").elapsed.total_seconds() < 0.9
        slowed = client.post("/items", json={"a": 1})
    assert slowed.status_code == 200
    assert slowed.elapsed.total_seconds() >= 0.8
    event = stockade.event(slowed.headers["x-stockade-id"])
    assert [note.outcome for note in event.stages if note.stage == "limit"] == ["slow"]
    assert event.verdict == "allowed"


def test_no_more_wait_than_may(origin: Origin, gateway_factory: GatewayFactory) -> None:
    tiers = [{"rate": "1/h", "action": "slow_down", "delay": "3s"}]
    stockade = gateway_factory(
        origin.url,
        api=limited({"name": "l", "by": ["address"], "tiers": tiers}),
        gateway={"limits": {"waiting": 2}, "workers": 1},
    )
    with stockade.client() as client:
        client.get("/items")

        def ask(_: int) -> int:
            with stockade.client() as own:
                return own.get("/items").status_code

        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(pool.map(ask, range(6)))
    assert statuses == [200, 200, 429, 429, 429, 429]


def test_running_exchanges_are_counted_until_they_end(origin: Origin, gateway_factory: GatewayFactory) -> None:
    limit = {"name": "l", "by": ["address"], "count": "concurrency", "at_once": 1}
    stockade = gateway_factory(origin.url, api=limited(limit))

    def slow() -> int:
        with stockade.client() as own:
            return own.get("/slow?s=2").status_code

    with ThreadPoolExecutor(1) as pool, stockade.client() as client:
        running = pool.submit(slow)
        until(lambda: origin.requests)
        assert client.get("/items").status_code == 429
        assert running.result() == 200
        assert client.get("/items").status_code == 200
        # A client that breaks off frees its place too.
        with pytest.raises(httpx.ReadTimeout):
            client.get("/slow?s=3", timeout=0.3)
        until(lambda: client.get("/items").status_code == 200)


def test_bytes_and_failures_are_charged_when_they_are_known(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(
        origin.url,
        api=limited(
            {"name": "up", "by": ["header:x-who"], "count": "bytes_in", "rate": "1KiB/m"},
            {"name": "fail", "by": ["address"], "count": "failures", "statuses": [401], "rate": "2/m"},
        ),
    )
    with stockade.client() as client:
        first = client.post("/items", content=b"x" * 2000, headers={"x-who": "a", "content-type": "text/plain"})
        assert first.status_code == 200
        assert client.get("/items", headers={"x-who": "a"}).status_code == 429
        assert client.get("/items", headers={"x-who": "b"}).status_code == 200
        assert [client.get("/status/200").status_code for _ in range(5)] == [200] * 5
        assert [client.get("/status/401").status_code for _ in range(3)] == [401, 401, 429]


@pytest.mark.parametrize("mode", ["exact", "approximate"])
def test_gateways_count_together_and_go_on_without_the_store(
    origin: Origin, gateway_factory: GatewayFactory, redis: tuple[str, subprocess.Popen[bytes]], mode: str
) -> None:
    url, process = redis
    shared = {"url": url, "mode": mode, "timeout": "2s", "sync": "20ms"}
    api = limited({"name": "l", "by": ["address"], "rate": "12/m"})
    stockades = [gateway_factory(origin.url, api=api, gateway={"shared_limits": shared}) for _ in range(2)]
    # Each has heard of the other.
    time.sleep(1.5)
    statuses = []
    with stockades[0].client() as one, stockades[1].client() as other:
        for client in (one, other) * 10:
            statuses.append(client.get("/items").status_code)
            time.sleep(0.06)
        assert 12 <= statuses.count(200) <= 13
        process.kill()
        process.wait()
        until(lambda: any(notice.code == "limits.store_down" for notice in stockades[0].notices()), 10)
        # Traffic goes on, and limits hold at their share: 6 of 12 each, less what this gateway has counted itself.
        alone = [client.get("/items", headers={"x": "y"}).status_code for client in (one, other) * 15]
    assert set(alone) <= {200, 429}
    assert 0 < alone.count(200) + statuses.count(200) <= 13 + 12
    counters = stockades[0].link().status()["counters"]
    assert counters["store_failures"] >= 1
    assert _is_up(stockades[0])


def _is_up(stockade: Stockade) -> bool:
    with stockade.client() as client:
        return client.get("/items").status_code in (200, 429)
