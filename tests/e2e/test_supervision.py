"""What stays and what comes back when a process is killed."""

from __future__ import annotations

import os
import signal
import time

import httpx
import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import hammering, until


def test_traffic_goes_on_while_control_is_killed(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    before = stockade.control_pid()
    assert before is not None
    with hammering(stockade.url) as outcomes:
        time.sleep(0.2)
        os.kill(before, signal.SIGKILL)
        until(lambda: stockade.control_pid() not in (before, None), what="control")
        until(lambda: _ready(stockade.admin_url), what="readiness")
    assert len(outcomes) > 50
    assert {outcome.status_code for outcome in outcomes} == {200}


def test_a_killed_gateway_is_back_and_lost_nothing_that_was_on_disk(
    origin: Origin, gateway_factory: GatewayFactory
) -> None:
    stockade = gateway_factory(origin.url)
    ledger: list[tuple[float, str]] = []
    killed_at: list[float] = []
    back_after: list[float] = []
    for _ in range(3):
        pid = stockade.gateway_pid()
        assert pid is not None
        stop = time.monotonic() + 1.0
        with stockade.client() as client:
            while time.monotonic() < stop:
                answer = client.get("/items")
                ledger.append((time.monotonic(), answer.headers["x-stockade-id"]))
                time.sleep(0.002)
            os.kill(pid, signal.SIGKILL)
        killed_at.append(time.monotonic())
        until(lambda: _answers(stockade.url), what="gateway")
        back_after.append(time.monotonic() - killed_at[-1])
    assert max(back_after) < 2.0, back_after
    durable = {
        exchange_id
        for answered_at, exchange_id in ledger
        if all(not killed - 0.1 <= answered_at <= killed for killed in killed_at)
    }
    time.sleep(0.3)
    recorded = [event.id for event in stockade.exchanges()]
    assert len(recorded) == len(set(recorded))
    assert durable - set(recorded) == set()
    assert len(durable) > 100


def test_traffic_outlives_the_supervisor_and_the_next_one_adopts_it(
    origin: Origin, gateway_factory: GatewayFactory
) -> None:
    stockade = gateway_factory(origin.url)
    gateway, control = stockade.gateway_pid(), stockade.control_pid()
    with hammering(stockade.url, clients=2) as outcomes:
        stockade.kill_supervisor()
        time.sleep(0.3)
        stockade.start()
        time.sleep(0.3)
    assert {getattr(outcome, "status_code", outcome) for outcome in outcomes} == {200}
    assert stockade.gateway_pid() == gateway
    assert stockade.control_pid() not in (control, None)
    assert _ready(stockade.admin_url)
    # What was adopted is watched like what was started.
    assert gateway is not None
    os.kill(gateway, signal.SIGKILL)
    until(lambda: stockade.gateway_pid() not in (gateway, None) and _answers(stockade.url), what="gateway")


def test_a_second_supervisor_on_the_same_folder_is_refused(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url)
    with pytest.raises(AssertionError, match=r"ended with 2: .* is in use by another `stockade run`"):
        stockade.start()
    assert _answers(stockade.url)


def test_an_end_in_order_waits_for_what_runs(origin: Origin, gateway_factory: GatewayFactory) -> None:
    import threading

    stockade = gateway_factory(origin.url)
    answers: list[httpx.Response] = []
    running = threading.Thread(target=lambda: answers.append(httpx.get(f"{stockade.url}/slow?s=1", timeout=10)))
    running.start()
    until(lambda: origin.requests, what="the request at the upstream")
    assert stockade.stop() == 0
    running.join()
    assert answers[0].status_code == 200
    assert not _answers(stockade.url)


def test_a_second_signal_ends_it_at_once(origin: Origin, gateway_factory: GatewayFactory) -> None:
    import threading

    stockade = gateway_factory(origin.url)
    running = threading.Thread(target=lambda: _answers(f"{stockade.url}/slow?s=20&x="))
    running.start()
    until(lambda: origin.requests, what="the request at the upstream")
    assert stockade.process is not None
    started = time.monotonic()
    stockade.process.terminate()
    time.sleep(0.5)
    stockade.stop()
    running.join()
    assert time.monotonic() - started < 10


def test_an_address_in_use_is_told_and_nothing_stays(origin: Origin, gateway_factory: GatewayFactory) -> None:
    import socket

    stockade = gateway_factory(origin.url, run=False)
    with socket.create_server(("127.0.0.1", stockade.port)), pytest.raises(AssertionError, match="ended with"):
        stockade.start()
    assert str(stockade.port) in stockade.log.read_text()
    assert not _answers(stockade.admin_url)


def test_wrong_config_starts_nothing(origin: Origin, gateway_factory: GatewayFactory) -> None:
    stockade = gateway_factory(origin.url, api={"mood": "grumpy"}, run=False)
    with pytest.raises(AssertionError, match=r"ended with 2: .*stockade\.yaml.*mood"):
        stockade.start()
    assert not stockade.data.exists()
    assert not _answers(stockade.url)


def _answers(url: str) -> bool:
    try:
        httpx.get(f"{url}/items", timeout=2.0)
    except httpx.HTTPError:
        return False
    return True


def _ready(admin_url: str) -> bool:
    try:
        return httpx.get(f"{admin_url}/readyz", timeout=2.0).status_code == 200
    except httpx.HTTPError:
        return False
