"""`stockade demo`: the sample shop, Stockade in front of it, and a short mix of ordinary clients and attacks."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stockade.app.child import Child
from stockade.app.clock import wall_clock
from stockade.app.errors import StockadeError
from stockade.app.policy import Asked
from stockade.app.processes import Running, run_both
from stockade.app.supervisor import Supervisor
from stockade.model.event import Event
from stockade.sample.folder import render_config
from stockade.sample.seed import ALICE
from stockade.sample.traffic import ATTACK, Call, run
from stockade.store.events import EventStore
from stockade.store.folder import DataFolder

START_S = 20.0
"""Seconds in which the shop must answer."""

EVENT_S = 5.0
"""Seconds in which an event must be readable."""

PAIRS = 100
"""Calls with and without Stockade that are compared for the added latency."""

WARM_UP = 10
"""Calls before these, which open connections and fill caches."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one call."""

    call: Call
    """The call, and the status that the caller got."""
    event: Event | None
    """What was recorded; None when nothing was found."""

    @property
    def is_attack(self) -> bool:
        """Whether it had to be refused."""
        return self.call.kind == ATTACK

    @property
    def is_good(self) -> bool:
        """Whether an ordinary call passed, or an attack was refused by Stockade itself, not by the shop.

        An attacker who was contained meanwhile is refused for that, whatever this very call would have met.
        """
        if self.event is None:
            return False
        if not self.is_attack:
            return self.call.is_as_expected and self.event.verdict == "allowed"
        contained = any(refusal.stage == "decisions" for refusal in self.event.refusals)
        return self.event.verdict == "refused" and (self.call.is_as_expected or contained)

    @property
    def why(self) -> str:
        """Stage and reason of the refusal; what went wrong when it was not as it should be."""
        if self.event is None:
            return self.call.detail or "no event was recorded"
        if not self.event.refusals:
            return "" if self.is_good else "passed"
        refusal = self.event.refusals[-1]
        return f"{refusal.stage}: {refusal.reason}"


@dataclass(frozen=True, slots=True)
class Summary:
    """How it went."""

    outcomes: tuple[Outcome, ...]
    """Every call, in order."""
    added_us: float
    """Median of the time that Stockade adds to a call, microseconds."""

    def count(self, *, attacks: bool) -> tuple[int, int]:
        """How many calls of a kind went as they should, and how many there were."""
        chosen = [outcome.is_good for outcome in self.outcomes if outcome.is_attack is attacks]
        return sum(chosen), len(chosen)

    @property
    def is_good(self) -> bool:
        """Whether every ordinary call passed and every attack was refused."""
        return bool(self.outcomes) and all(outcome.is_good for outcome in self.outcomes)


class Audience(Protocol):
    """Who watches the demo."""

    def up(self, running: Running) -> None:
        """Everything runs."""

    def seen(self, outcome: Outcome) -> None:
        """One call has ended."""

    def over(self, summary: Summary) -> None:
        """All calls have ended."""

    def what_next(self, running: Running, summary: Summary, token: str) -> None:
        """It stays up; there are things to try."""


class Demo:
    """One run of the demo.

    Args:
        folder: holds the shop's and Stockade's data.
        listen: address of the gateway.
        admin: address of the admin API.
        audience: who watches.
        once: whether to end after the summary.
    """

    def __init__(self, folder: Path, listen: str, admin: str, audience: Audience, *, once: bool) -> None:
        self._shop_data = folder / "shop"
        self._data = folder / "data"
        self._config = folder / "stockade.yaml"
        self._log = folder / "log"
        self._listen = listen
        self._admin = admin
        self._audience = audience
        self._once = once
        self._summary: Summary | None = None
        self._problem: BaseException | None = None

    def run(self) -> bool:
        """Run until the calls are over, or until a signal ends it.

        Returns:
            Whether every ordinary call passed and every attack was refused.

        Raises:
            StockadeError: something did not come up.
        """
        port = _free_port()
        shop = Child(
            "shop",
            [sys.executable, "-m", "stockade.sample", "--port", str(port), "--data", str(self._shop_data)],
            time.monotonic,
            self._log,
        )
        self._shop_data.mkdir(parents=True, exist_ok=True)
        shop.start()
        try:
            _wait_for(port, shop)
            upstream = f"http://127.0.0.1:{port}"
            text = render_config(
                self._shop_data, upstream=upstream, listen=self._listen, admin=self._admin, data=self._data
            )
            self._config.write_text(text)
            run_both(Asked(config=self._config), self._drive_with(port), lambda _news: None, self._log)
        finally:
            shop.stop(5.0, time.sleep)
        if self._problem is not None:
            raise self._problem
        return self._summary is not None and self._summary.is_good

    def _drive_with(self, shop_port: int) -> Callable[[Running, Supervisor], None]:
        def ready(running: Running, supervisor: Supervisor) -> None:
            threading.Thread(
                target=self._drive, args=(running, supervisor, shop_port), name="traffic", daemon=True
            ).start()

        return ready

    def _drive(self, running: Running, supervisor: Supervisor, shop_port: int) -> None:
        try:
            self._audience.up(running)
            port = int(running.listening[0].rpartition(":")[2])
            outcomes: list[Outcome] = []
            recorded = Recorded(self._data)
            now = wall_clock() // 1_000_000
            for call in run(f"http://127.0.0.1:{port}", self._shop_data, now):
                outcome = Outcome(call, recorded.find(call.id) if call.id else None)
                outcomes.append(outcome)
                self._audience.seen(outcome)
            self._summary = Summary(tuple(outcomes), added_latency_us(shop_port, port))
            self._audience.over(self._summary)
            if self._once:
                supervisor.ask_to_stop()
            else:
                self._audience.what_next(running, self._summary, log_in(port))
        except BaseException as error:
            self._problem = error
            supervisor.ask_to_stop()


class Recorded:
    """Finds the events of calls that have just ended.

    Args:
        data: Stockade's data folder.
    """

    def __init__(self, data: Path) -> None:
        self._tail = EventStore(DataFolder(data)).follow(0)
        self._seen: dict[str, Event] = {}

    def find(self, exchange_id: str) -> Event | None:
        """The event of a call; waits until it is on disk, for `EVENT_S` at most."""
        deadline = time.monotonic() + EVENT_S
        while exchange_id not in self._seen and time.monotonic() < deadline:
            batch = self._tail.read()
            self._seen.update({stored.record.id: stored.record for stored in batch if isinstance(stored.record, Event)})
            if not batch:
                time.sleep(0.005)
        return self._seen.pop(exchange_id, None)


def added_latency_us(shop_port: int, gateway_port: int) -> float:
    """Median of what Stockade adds to a call of the shop, from calls with and without it in turn; microseconds."""
    direct, through = (http.client.HTTPConnection("127.0.0.1", port, timeout=10) for port in (shop_port, gateway_port))
    added = []
    for number in range(PAIRS + WARM_UP):
        pair = [_timed_us(connection) for connection in (direct, through)]
        if number >= WARM_UP:
            added.append(pair[1] - pair[0])
    direct.close()
    through.close()
    return statistics.median(added)


def log_in(port: int) -> str:
    """A token of the shop, for commands to try; empty when the shop gives none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    sent = json.dumps({"email": ALICE.email, "password": ALICE.password})
    connection.request("POST", "/sessions", sent, {"content-type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return str(answer.get("token", ""))


def _timed_us(connection: http.client.HTTPConnection) -> float:
    started = time.perf_counter()
    connection.request("GET", "/products?limit=5")
    connection.getresponse().read()
    return (time.perf_counter() - started) * 1_000_000


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, shop: Child) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and shop.is_running():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise StockadeError("run.shop", "the sample shop did not come up", "look at the log in the demo's folder")
