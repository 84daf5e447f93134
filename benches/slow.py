"""Slow clients: 200 slow connections of three kinds (slowhttptest).

Bar: all cut at the deadline, the p99 of others under double its normal.
"""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import threading
import time
from pathlib import Path

from benches import load, servers

DEADLINE_S = 8
ROUNDS = 3
# Clients that are not slow: the 16 of h2load, and the probes.
OTHERS = 20
LEAST_HELD = 150
KINDS = {
    "head": ["-H", "-i", "4"],
    "body": ["-B", "-i", "4", "-s", "8192", "-t", "POST"],
    "read": ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "-k", "3"],
}


def measure(folder: Path) -> bool:
    """Normal p99 first; then the same under each kind of slow client. Medians of three, the longest time to the cut."""
    if shutil.which("slowhttptest") is None:
        raise SystemExit("error: expected `slowhttptest`\nhint: apt-get install slowhttptest")
    config = f"  timeouts: {{head: {DEADLINE_S}s, body: {DEADLINE_S}s, body_rate: 16KiB, write_stall: {DEADLINE_S}s}}\n"
    good = True
    with servers.big_origin(folder) as origin:
        text = servers.passthrough_config(origin.port).replace("  workers: 1\n", f"  workers: 1\n{config}")
        with servers.gateway(folder, text) as gateway:
            normal = statistics.median(
                load.latency_ms(gateway, folder, "get", 500, seconds=6)[1] for _ in range(ROUNDS)
            )
            for kind, options in KINDS.items():
                runs = [attack(gateway, folder, options) for _ in range(ROUNDS)]
                closed_after = max(run[0] for run in runs)
                available = all(run[1] for run in runs)
                p99 = statistics.median(run[2] for run in runs)
                ok = closed_after <= DEADLINE_S + 4 and available and p99 < 2 * normal
                print(
                    f"{kind:5} 200 connections gone after {closed_after:.0f} s (deadline {DEADLINE_S} s),"
                    f" service available {available}, others' p99 {p99:.2f} ms (normal {normal:.2f} ms)",
                    flush=True,
                )
                good &= ok
    return good


def attack(gateway: servers.Running, folder: Path, options: list[str]) -> tuple[float, bool, float]:
    """One slowhttptest run; seconds until no slow connection is left, whether probes got through, others' p99.

    Connections are counted on the gateway's side: a client that reads slowly notices its end slowly, too. Others are
    measured from when the slow ones stand until they are cut: while the tool opens 200 connections at once, on the same
    cores, it delays everybody by itself (nginx's clients as well).
    """
    url = f"http://127.0.0.1:{gateway.port}/big"
    command = ["slowhttptest", "-c", "200", "-r", "200", "-l", "40", "-p", "3", "-u", url, *options]
    p99: list[float] = []
    other = threading.Thread(target=lambda: p99.append(load.latency_ms(gateway, folder, "get", 500, seconds=8)[1]))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    began = time.monotonic()
    held = 0
    last = began
    while process.poll() is None and (time.monotonic() - began < 10 or time.monotonic() - last < 3):
        time.sleep(0.25)
        slow = connections(gateway.port) - OTHERS
        held = max(held, slow)
        if held >= LEAST_HELD and other.ident is None:
            other.start()
        if slow > 0:
            last = time.monotonic()
    process.send_signal(signal.SIGINT)
    printed = process.communicate()[0]
    if held < LEAST_HELD:
        raise RuntimeError(f"expected about 200 slow connections, saw {held}")
    other.join()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", printed)
    return last - began, "service available:   NO" not in plain and "service available:   YES" in plain, p99[0]


def connections(port: int) -> int:
    """Connections of the port that still hold anything: all states but LISTEN and TIME-WAIT (proc(5), `net/tcp`)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] not in {"06", "0A"} for row in rows)
