from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stockade.app.child import Child, is_alive

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-S",
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)",
]


@pytest.fixture
def child() -> Iterator[Child]:
    started = Child("sleeper", SLEEP, time.monotonic)
    started.start()
    yield started
    started.stop(5.0, time.sleep)


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_that_ends_is_started_again(child: Child) -> None:
    first = child.pid
    child.signal(signal.SIGKILL)
    until(lambda: not child.is_running())
    news = child.tend()
    assert news is not None
    assert "SIGKILL" in news
    assert child.tend() == f"sleeper started again as process {child.pid}"
    assert child.pid != first
    assert child.restarts == 1


def test_one_that_runs_is_left_alone(child: Child) -> None:
    assert child.tend() is None
    assert child.restarts == 0


def test_one_that_listens_ends_in_order(child: Child) -> None:
    assert child.stop(5.0, time.sleep)
    assert not child.is_running()


def test_one_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    deaf = Child("deaf", DEAF, time.monotonic, log)
    deaf.start()
    until(lambda: log.read_text() == "on\n")
    assert not deaf.stop(0.1, time.sleep)
    assert not deaf.is_running()


def test_an_adopted_process_is_watched_and_replaced() -> None:
    stray = subprocess.Popen(SLEEP)
    child = Child("sleeper", SLEEP, time.monotonic)
    child.adopt(stray.pid)
    assert child.is_running()
    assert child.tend() is None
    stray.kill()
    # Not waited for yet: a process that has ended does not count as alive.
    until(lambda: not is_alive(stray.pid))
    assert child.tend() is not None
    child.tend()
    assert child.is_running()
    assert child.pid != stray.pid
    child.stop(5.0, time.sleep)
    stray.wait()


def test_one_that_cannot_be_started_again_is_tried_later(tmp_path: Path) -> None:
    now = [0.0]
    child = Child("sleeper", SLEEP, lambda: now[0], tmp_path / "log")
    child.start()
    child.signal(signal.SIGKILL)
    until(lambda: not child.is_running())
    child.tend()
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    assert "cannot be started" in (child.tend() or "")
    (tmp_path / "log").rmdir()
    assert child.tend() is None
    now[0] += 1.0
    assert "started again" in (child.tend() or "")
    child.stop(5.0, time.sleep)
