"""One process that the supervisor keeps running: started by it, or found running and adopted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from stockade.app.backoff import Backoff


class Child:
    """A process to be kept alive. The clock comes in, so that tests need not wait.

    Args:
        name: what it is called in messages.
        command: how it is started.
        monotonic: seconds on a clock that never goes back.
        log: file that takes its output; the supervisor's own output when None.
    """

    def __init__(
        self, name: str, command: Sequence[str], monotonic: Callable[[], float], log: Path | None = None
    ) -> None:
        self.name = name
        self.restarts = 0
        self.last_exit: int | None = None
        self._command = list(command)
        self._monotonic = monotonic
        self._log = log
        self._backoff = Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None
        self._adopted_born: str | None = None
        self._started_at = 0.0
        self._start_at: float | None = None

    @property
    def pid(self) -> int | None:
        """Process id; None while it does not run."""
        return self._process.pid if self._process else self._adopted

    def start(self) -> None:
        """Start it, in a session of its own: a signal to the supervisor's terminal does not end it."""
        self._start_at = None
        self._started_at = self._monotonic()
        with contextlib.ExitStack() as files:
            output = files.enter_context(self._log.open("ab")) if self._log else None
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )

    def adopt(self, pid: int) -> None:
        """Watch a process that was already running."""
        self._adopted = pid
        self._adopted_born = _born(pid)
        self._started_at = self._monotonic()

    def is_running(self) -> bool:
        """Whether it runs at this moment."""
        if self._process:
            return self._process.poll() is None
        # Its number may have gone to another process since.
        return self._adopted is not None and is_alive(self._adopted) and _born(self._adopted) == self._adopted_born

    def tend(self) -> str | None:
        """Start it again when it ended and its wait is over. Call often.

        Returns:
            What happened, for the log; None when nothing did.
        """
        if self._start_at is not None:
            if self._monotonic() < self._start_at:
                return None
            self.restarts += 1
            try:
                self.start()
            except OSError as error:
                wait = self._backoff.next_wait(0.0)
                self._start_at = self._monotonic() + wait
                return f"{self.name} cannot be started ({error.strerror or error}); trying again in {wait:.1f} s"
            return f"{self.name} started again as process {self.pid}"
        if self.is_running():
            return None
        self.last_exit = self._process.returncode if self._process else None
        wait = self._backoff.next_wait(self._monotonic() - self._started_at)
        self._process = self._adopted = None
        self._start_at = self._monotonic() + wait
        return f"{self.name} ended ({_describe(self.last_exit)}); starting it again in {wait:.1f} s"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, when it runs."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, wait_s: float, pause: Callable[[float], None]) -> bool:
        """End it in order with SIGTERM, and by force when that takes too long.

        Args:
            wait_s: seconds it may take.
            pause: waits so many seconds.

        Returns:
            Whether it ended by itself.
        """
        self._start_at = None
        self.signal(signal.SIGTERM)
        deadline = self._monotonic() + wait_s
        while self.is_running():
            if self._monotonic() >= deadline:
                self.signal(signal.SIGKILL)
                if self._process:
                    self._process.wait()
                return False
            pause(0.02)
        return True


def is_alive(pid: int) -> bool:
    """Whether a process with this id runs; one that ended but was not waited for does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    facts = _facts(pid)
    return not facts or facts[0] != "Z"


def _born(pid: int) -> str | None:
    """When a process was started, in ticks since boot; with its id that names it for good."""
    facts = _facts(pid)
    return facts[19] if len(facts) > 19 else None


def _facts(pid: int) -> list[str]:
    """The fields of `/proc/PID/stat` from the state on; empty where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _describe(exit_code: int | None) -> str:
    if exit_code is None:
        return "exit code unknown"
    if exit_code < 0:
        return f"signal {signal.Signals(-exit_code).name}"
    return f"exit code {exit_code}"
