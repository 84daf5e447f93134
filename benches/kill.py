"""kill -9 under 500 requests a second, 20 times each process. Bar: no event lost that was answered 100 ms before."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from benches import servers

KILLS = 20
RATE = 500
CLIENTS = 10
RESTART_BAR_S = 2.0
SYNC_S = 0.1


class Ledger:
    """Ids of answered exchanges, with the moment the answer was read."""

    def __init__(self) -> None:
        """Empty."""
        self.answered: dict[str, float] = {}
        self.lock = threading.Lock()
        self.stop = threading.Event()

    def client(self, port: int) -> None:
        """Sends its share of the rate; a connection that breaks is opened anew."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                connection.request("GET", "/orders/1")
                response = connection.getresponse()
                response.read()
                identifier = response.getheader("x-stockade-id")
                if identifier:
                    with self.lock:
                        self.answered[identifier] = time.monotonic()
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(max(0.0, CLIENTS / RATE - (time.monotonic() - began)))


def measure(folder: Path) -> bool:
    """Kills the gateway, then control; compares the ledger with the events in the spool."""
    good = True
    with servers.origin(folder) as origin:
        for victim in ("gateway", "control"):
            home = folder / victim
            home.mkdir()
            port = servers.free_port()
            with supervised(home, origin.port, port) as data:
                ledger = Ledger()
                threads = [threading.Thread(target=ledger.client, args=(port,)) for _ in range(CLIENTS)]
                for thread in threads:
                    thread.start()
                kills, slowest = [], 0.0
                for _ in range(KILLS):
                    time.sleep(1.5)
                    kills.append(time.monotonic())
                    slowest = max(slowest, kill(data, victim))
                time.sleep(1.0)
                ledger.stop.set()
                for thread in threads:
                    thread.join()
                time.sleep(0.5)
                recorded = identifiers(data)
            lost = [at for name, at in ledger.answered.items() if name not in recorded]
            late = [at for at in lost if not any(-SYNC_S < moment - at < SYNC_S for moment in kills)]
            print(
                f"{victim}: {KILLS} kills, {len(ledger.answered):,} answered, {len(lost)} events lost,"
                f" {len(late)} of them answered {SYNC_S * 1000:.0f} ms or more before a kill (bar 0),"
                f" slowest restart {slowest:.2f} s (bar {RESTART_BAR_S:.0f})",
                flush=True,
            )
            good &= not late and slowest < RESTART_BAR_S
    return good


@contextlib.contextmanager
def supervised(home: Path, origin_port: int, port: int) -> Iterator[Path]:
    """`stockade run` in front of the origin; gives the data folder."""
    data = home / "data"
    config = home / "stockade.yaml"
    config.write_text(
        servers.passthrough_config(origin_port).replace("PORT", str(port)).replace("DATA", str(data))
        + f"admin: {{listen: 127.0.0.1:{servers.free_port()}}}\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "stockade", "run", "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        servers.wait_for(port, 30)
        pid_of(data, "control")
        yield data
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def pid_of(data: Path, name: str) -> int:
    """Process id that the process wrote about itself; waits for it."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        with contextlib.suppress(OSError, ValueError, KeyError):
            pid = int(json.loads((data / f"{name}.json").read_text())["pid"])
            os.kill(pid, 0)
            return pid
        time.sleep(0.02)
    raise TimeoutError(f"expected a live process in {data}/{name}.json")


def kill(data: Path, name: str) -> float:
    """Kills one process and waits until another has taken its place; seconds that took."""
    pid = pid_of(data, name)
    began = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    while time.monotonic() - began < 10:
        with contextlib.suppress(TimeoutError):
            if pid_of(data, name) != pid:
                return time.monotonic() - began
        time.sleep(0.02)
    return 10.0


def identifiers(data: Path) -> set[str]:
    """Ids of all exchanges in the spool."""
    printed = subprocess.run(
        [sys.executable, "-m", "stockade", "events", "--data", str(data), "--limit", "1000000", "--json"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    records = (json.loads(line) for line in printed.splitlines())
    return {record["id"] for record in records if record["kind"] == "exchange"}
