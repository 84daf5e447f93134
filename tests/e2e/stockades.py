"""A whole Stockade in processes of its own, as a user starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import yaml

from stockade.app import events
from stockade.app.admin_client import AdminClient
from stockade.app.gateway_link import GatewayLink
from stockade.model.event import Event, Notice
from stockade.store.events import EventStore
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder, read_json


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], seconds: float = 5.0, what: str = "condition") -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.02)
    return value


class Stockade:
    """One `stockade run` on a data folder of its own.

    Args:
        folder: holds config, data and log.
        config: settings; listen addresses are filled in.
    """

    def __init__(self, folder: Path, config: dict[str, Any]) -> None:
        self.data = folder / "data"
        self.config_file = folder / "stockade.yaml"
        self.log = folder / "log"
        self.port = free_port()
        self.admin_port = free_port()
        self.process: subprocess.Popen[str] | None = None
        self.ready: dict[str, Any] = {}
        self.configure(config)

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin_url(self) -> str:
        """Where health is told."""
        return f"http://127.0.0.1:{self.admin_port}"

    def configure(self, config: dict[str, Any]) -> None:
        """Write the config file."""
        gateway = {"listen": f"127.0.0.1:{self.port}", "workers": 1, **config.get("gateway", {})}
        whole = {"admin": {"listen": f"127.0.0.1:{self.admin_port}"}, **config, "gateway": gateway}
        self.config_file.write_text(yaml.safe_dump(whole))

    def start(self) -> None:
        """Start and wait until it is ready."""
        command = [sys.executable, "-m", "stockade", "run", "-c", str(self.config_file), "--data", str(self.data)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*command, "--json"], stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
            )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            said = json.loads(line)
            if "listening" in said:
                self.process, self.ready = process, said
                return
        process.stdout.close()
        raise AssertionError(f"stockade run ended with {process.wait()}: {''.join(lines)}{self.log.read_text()}")

    def kill_supervisor(self) -> None:
        """Kill the supervisor alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> int:
        """End it in order; returns the exit code of the supervisor."""
        code = 0
        if self.process is not None:
            self.process.terminate()
            code = self.process.wait(timeout=60)
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None
        return code

    def destroy(self) -> None:
        """End whatever still runs."""
        with contextlib.suppress(Exception):
            self.stop()
        for file in (DataFolder(self.data).gateway_state, DataFolder(self.data).control_state):
            pid = (read_json(file) or {}).get("pid")
            if isinstance(pid, int):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def client(self, **options: Any) -> httpx.Client:
        """A client of the protected API."""
        return httpx.Client(base_url=self.url, timeout=10.0, **options)

    def gateway_pid(self) -> int | None:
        """Process id of the gateway, as it wrote it."""
        return (read_json(DataFolder(self.data).gateway_state) or {}).get("pid")

    def control_pid(self) -> int | None:
        """Process id of the control process, as it wrote it."""
        return (read_json(DataFolder(self.data).control_state) or {}).get("pid")

    def event(self, exchange_id: str) -> Event:
        """The recorded exchange with an id."""
        stored = until(lambda: events.find(self.data, exchange_id), what=f"event {exchange_id}")
        assert isinstance(stored.record, Event)
        return stored.record

    def exchanges(self) -> list[Event]:
        """All recorded exchanges, newest first."""
        store = EventStore(DataFolder(self.data))
        return [stored.record for stored in store.query(EventFilter(), 1_000_000) if isinstance(stored.record, Event)]

    def notices(self) -> list[Notice]:
        """All notices, newest first."""
        store = EventStore(DataFolder(self.data))
        return [stored.record for stored in store.query(EventFilter(), 1_000_000) if isinstance(stored.record, Notice)]

    def admin(self) -> AdminClient:
        """The admin API with its token."""
        return AdminClient(self.data)

    def link(self) -> GatewayLink:
        """The gateway's control socket."""
        return GatewayLink(DataFolder(self.data).socket)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` tells."""
        answer: dict[str, Any] = httpx.get(f"{self.admin_url}/readyz").json()
        return answer


@contextlib.contextmanager
def hammering(url: str, path: str = "/items", clients: int = 4) -> Iterator[list[Any]]:
    """Keep-alive clients that send one request after another while the block runs.

    Yields:
        What each request came to: a response, or the exception it ended with. Filled as they end.
    """
    import threading

    outcomes: list[Any] = []
    stop = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=url, timeout=10.0) as client:
            while not stop.is_set():
                try:
                    outcomes.append(client.get(path))
                except httpx.HTTPError as error:
                    outcomes.append(error)
                time.sleep(0.002)

    threads = [threading.Thread(target=send) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        for thread in threads:
            thread.join()
