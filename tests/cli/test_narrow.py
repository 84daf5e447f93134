"""What people see on a terminal of 80 letters."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest


def on_terminal(folder: Path, width: int, *arguments: str) -> str:
    """What a command prints on a terminal, without colours."""
    ours, theirs = pty.openpty()
    environment = {"PATH": "/usr/bin:/bin", "COLUMNS": str(width), "TERM": "xterm"}
    command = [sys.executable, "-m", "stockade", *arguments]
    with subprocess.Popen(command, cwd=folder, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as ended:
        os.close(theirs)
        said = b""
        while True:
            try:
                piece = os.read(ours, 65_536)
            except OSError:
                break
            if not piece:
                break
            said += piece
        os.close(ours)
    assert ended.returncode == 0
    return re.sub(r"\x1b\[[\d;]*m", "", said.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("width", [80, 100])
def test_events_fit_a_narrow_terminal(folder: Path, width: int) -> None:
    text = on_terminal(folder, width, "events")
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= width, text
    assert lines[0].split() == ["TIME", "VERDICT", "STATUS", "REQUEST"]
    place = next(number for number, line in enumerate(lines) if "/orders" in line and "refused" in line)
    assert lines[place].split() == ["22:13:22.000", "refused", "403", "GET", "/orders"]
    assert lines[place + 1].split() == ["01KAVWZ8G00000000000000002", "subject:alice", "access.denied"]


def test_a_wide_terminal_has_one_line_for_each(folder: Path) -> None:
    text = on_terminal(folder, 200, "events")
    line = next(line for line in text.splitlines() if "access.denied" in line and "/orders" in line)
    assert "01KAVWZ8G00000000000000002" in line
    assert "subject:alice" in line
