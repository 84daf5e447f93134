"""Memory of this process."""

from __future__ import annotations

from pathlib import Path


def peak_mb() -> float:
    """Largest resident memory since the program began, MB (proc(5), VmHWM).

    Not `ru_maxrss`: that one a process inherits from the one that started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("expected `VmHWM` in /proc/self/status")
