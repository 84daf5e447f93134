"""`stockade run`: keeps the gateway and the control process of one data folder alive.

The two are processes of their own and outlive a supervisor that is killed: traffic goes on. The next supervisor on the
same folder adopts the gateway it finds and replaces the control process.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from stockade.app.child import Child, is_alive
from stockade.app.gateway_link import GatewayLink, GatewayUnreachableError
from stockade.core.errors import StockadeError
from stockade.store.folder import DataFolder, read_json

TICK_S = 0.05
"""Seconds between two looks at the children."""

START_S = 20.0
"""Seconds in which a process must be ready the first time."""

CONTROL_STOP_S = 5.0
"""Seconds the control process may take to end."""


@dataclass(frozen=True, slots=True)
class Watch:
    """How the supervisor sees time and speaks."""

    monotonic: Callable[[], float]
    """Seconds on a clock that never goes back."""
    pause: Callable[[float], None]
    """Waits so many seconds."""
    say: Callable[[str], None]
    """Takes one line for the operator."""


def gateway_command(folder: DataFolder) -> list[str]:
    """How the gateway is started: by the light path, without the command line's imports."""
    return [sys.executable, "-m", "stockade", "gateway", "--data", str(folder.path)]


class Supervisor:
    """Starts, watches and stops the two processes.

    Args:
        folder: the data folder, already locked by the caller, with a bundle in force.
        control_command: how the control process is started.
        listeners: addresses that the bundle in force listens on.
        drain_s: seconds in which running exchanges may end.
        watch: time and speech.
        log: file for the output of both; the supervisor's own output when None.
    """

    def __init__(
        self,
        folder: DataFolder,
        control_command: Sequence[str],
        listeners: Sequence[str],
        drain_s: float,
        watch: Watch,
        log: Path | None = None,
    ) -> None:
        self._folder = folder
        self._listeners = list(listeners)
        self._drain_s = drain_s
        self._watch = watch
        self._link = GatewayLink(folder.socket, timeout_s=2.0)
        self._gateway = Child("gateway", gateway_command(folder), watch.monotonic, log)
        self._control = Child("control", control_command, watch.monotonic, log)
        self._stop = threading.Event()
        self._reload = threading.Event()

    def start(self) -> None:
        """Bring both up: adopt what runs, start what does not, wait until each is ready.

        Raises:
            StockadeError: one of them ended or was not ready in time; the other is stopped again.
        """
        self._start_gateway()
        try:
            self._replace_control()
            self._control.start()
            self._wait_for(self._control, self._control_is_ready)
        except StockadeError:
            self.stop()
            raise

    def watch(self) -> None:
        """Keep both alive until told to stop."""
        while not self._stop.is_set():
            if self._reload.is_set():
                self._reload.clear()
                self._control.signal(signal.SIGHUP)
            for child in (self._gateway, self._control):
                news = child.tend()
                if news:
                    self._watch.say(news)
            self._watch.pause(TICK_S)

    def ask_to_stop(self) -> None:
        """Have `watch` return; asked again, have the gateway end without draining."""
        if self._stop.is_set():
            self._gateway.signal(signal.SIGTERM)
        self._stop.set()

    def ask_to_reload(self) -> None:
        """Have control read the config again."""
        self._reload.set()

    def stop(self) -> None:
        """Drain the gateway, then end control, so that control sees the last events."""
        if self._gateway.pid is not None and not self._gateway.stop(self._drain_s + 5.0, self._watch.pause):
            self._watch.say("gateway did not end in time and was killed")
        if self._control.pid is not None:
            self._control.stop(CONTROL_STOP_S, self._watch.pause)

    def _start_gateway(self) -> None:
        running = self._running_gateway()
        if running is not None:
            self._gateway.adopt(running)
            answer = self._link.reload()
            if not answer.get("ok"):
                problem = answer.get("problem", "no reason given")
                raise StockadeError(
                    "gateway.reload",
                    f"the running gateway refused the new bundle: {problem}",
                    "it goes on with its old one; mend the config and start again",
                )
            self._watch.say(f"adopted the running gateway, process {running}")
            return
        self._gateway.start()
        self._wait_for(self._gateway, self._gateway_is_ready)

    def _running_gateway(self) -> int | None:
        """The gateway that a former supervisor left behind, when it listens where it should."""
        state = read_json(self._folder.gateway_state) or {}
        pid = state.get("pid")
        if not isinstance(pid, int) or not is_alive(pid):
            return None
        try:
            if self._link.status().get("pid") != pid:
                return None
        except GatewayUnreachableError:
            return None
        if _addresses_differ(self._listeners, state.get("listeners") or []):
            self._watch.say(f"the running gateway (process {pid}) listens elsewhere; draining it")
            leftover = Child("gateway", (), self._watch.monotonic)
            leftover.adopt(pid)
            leftover.stop(self._drain_s + 5.0, self._watch.pause)
            return None
        return pid

    def _replace_control(self) -> None:
        state = read_json(self._folder.control_state) or {}
        pid = state.get("pid")
        if isinstance(pid, int) and is_alive(pid) and _is_control(pid, self._folder):
            self._watch.say(f"replacing the control process {pid} that a former run left behind")
            leftover = Child("control", (), self._watch.monotonic)
            leftover.adopt(pid)
            leftover.stop(CONTROL_STOP_S, self._watch.pause)

    def _wait_for(self, child: Child, is_ready: Callable[[], bool]) -> None:
        deadline = self._watch.monotonic() + START_S
        while not is_ready():
            if self._stop.is_set():
                raise StockadeError("run.stopped", "stopped while starting", None)
            if not child.is_running():
                raise StockadeError(
                    "run.child_ended",
                    f"the {child.name} process ended while starting",
                    "its own message stands above; the usual cause is an address in use",
                )
            if self._watch.monotonic() >= deadline:
                child.stop(CONTROL_STOP_S, self._watch.pause)
                raise StockadeError(
                    "run.child_slow",
                    f"the {child.name} process was not ready within {START_S:.0f} seconds",
                    "look at its messages above; the machine may be overloaded",
                )
            self._watch.pause(TICK_S)

    def _gateway_is_ready(self) -> bool:
        state = read_json(self._folder.gateway_state) or {}
        if state.get("pid") != self._gateway.pid:
            return False
        try:
            return self._link.status().get("ok") is True
        except GatewayUnreachableError:
            return False

    def _control_is_ready(self) -> bool:
        return (read_json(self._folder.control_state) or {}).get("pid") == self._control.pid


@contextlib.contextmanager
def signals_to(supervisor: Supervisor) -> Iterator[None]:
    """Have SIGTERM and SIGINT stop the supervisor, and SIGHUP reload, as long as the block runs."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        supervisor.ask_to_stop()

    def reload(_number: int, _frame: FrameType | None) -> None:
        supervisor.ask_to_reload()

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, stop),
        signal.SIGINT: signal.signal(signal.SIGINT, stop),
        signal.SIGHUP: signal.signal(signal.SIGHUP, reload),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _addresses_differ(wanted: Sequence[str], found: Sequence[object]) -> bool:
    # Port 0 means any: whatever was found then fits.
    if len(wanted) != len(found):
        return True
    return any(
        want != have and not (want.endswith(":0") and str(have).rpartition(":")[0] == want.rpartition(":")[0])
        for want, have in zip(wanted, found, strict=True)
    )


def _is_control(pid: int, folder: DataFolder) -> bool:
    """Whether a process is the control process of this folder, and not another one that has its number now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return "control" in words and str(folder.path) in words
