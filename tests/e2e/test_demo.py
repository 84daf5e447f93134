"""The demo: every ordinary call passes, every attack is refused, and nothing stays behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.stockades import free_port, until

from stockade.app.child import is_alive
from stockade.store.folder import DataFolder, read_json


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a demo on free ports."""
    addresses = ["--listen", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}"]
    command = [sys.executable, "-m", "stockade", "demo", *addresses, "--data", str(folder), "--json", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_once_tells_all_and_is_good(short_path: Path) -> None:
    running = demo(short_path, "--once")
    said, _ = running.communicate(timeout=90)
    told = [json.loads(line) for line in said.splitlines()]
    bad = [line["call"] for line in told if "call" in line and not line["call"]["good"]]
    assert bad == []
    summary = told[-1]["summary"]
    assert summary["good"] is True
    assert summary["ordinary"]["passed"] == summary["ordinary"]["of"] >= 40
    assert summary["attacks"]["refused"] == summary["attacks"]["of"] >= 60
    assert running.returncode == 0


def test_it_stays_up_until_it_is_interrupted(short_path: Path) -> None:
    running = demo(short_path)
    assert running.stdout is not None
    tips = next(told["next"] for line in running.stdout if "next" in (told := json.loads(line)))
    assert any("stockade explain " in tip for tip in tips)
    folder = DataFolder(short_path / "data")
    pids = [(read_json(file) or {})["pid"] for file in (folder.gateway_state, folder.control_state)]
    os.kill(running.pid, signal.SIGINT)
    assert running.wait(timeout=60) == 0
    running.stdout.close()
    until(lambda: not any(is_alive(pid) for pid in pids), what="the end of its processes")
