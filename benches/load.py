"""Drives load and reads what it cost: wrk for capacity and CPU, h2load for latency at a fixed rate."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benches.servers import ORDER, SIGNER, Running


@dataclass(frozen=True)
class Cost:
    """What one run of wrk showed."""

    requests: int
    errors: int
    cpu_us: float
    """CPU time of the measured processes for each request, microseconds."""
    rate: float
    """Requests a second."""


def headers() -> dict[str, str]:
    """What every measured request carries."""
    return {
        "Authorization": f"Bearer {SIGNER.token()}",
        "Accept": "application/json",
        "User-Agent": "shop-app/4.2 (Android 15; Pixel 9)",
        "Accept-Language": "de-DE,de;q=0.9,en;q=0.8",
    }


def script(folder: Path, kind: str) -> Path:
    """A wrk script for `get` or `post`."""
    lines = [f'wrk.headers["{name}"] = "{value}"' for name, value in headers().items()]
    if kind == "post":
        lines += [
            'wrk.method = "POST"',
            'wrk.headers["Content-Type"] = "application/json"',
            f"wrk.body = [==[{ORDER}]==]",
        ]
    lines.append(
        "done = function(summary, latency, requests)\n"
        "  local e = summary.errors\n"
        '  io.write(string.format("RESULT %d %d %d\\n", summary.requests,'
        " e.connect + e.read + e.write + e.status + e.timeout, summary.duration))\nend"
    )
    file = folder / f"{kind}.lua"
    file.write_text("\n".join(lines) + "\n")
    return file


def path(kind: str) -> str:
    """The target of a measured request."""
    return "/orders" if kind == "post" else "/orders/4711?expand=items&note=blue%20one"


def wrk(server: Running, folder: Path, kind: str, seconds: int = 8, connections: int = 32) -> Cost:
    """CPU time for each request at full load, after a warm-up."""
    if shutil.which("wrk") is None:
        raise SystemExit("error: expected `wrk`\nhint: apt-get install wrk")
    command = ["wrk", "-t1", f"-c{connections}", "-s", str(script(folder, kind))]
    url = f"http://127.0.0.1:{server.port}{path(kind)}"
    subprocess.run([*command, "-d2s", url], check=True, capture_output=True)
    before = server.cpu_s()
    printed = subprocess.run([*command, f"-d{seconds}s", url], check=True, capture_output=True, text=True).stdout
    spent = server.cpu_s() - before
    found = re.search(r"RESULT (\d+) (\d+) (\d+)", printed)
    if found is None:
        raise RuntimeError(f"expected a RESULT line from wrk, got: {printed[-400:]}")
    requests, errors, duration_us = (int(group) for group in found.groups())
    return Cost(requests, errors, spent / max(requests, 1) * 1e6, requests / duration_us * 1e6)


def latency_ms(server: Running, folder: Path, kind: str, rate: float, seconds: int = 10) -> tuple[float, float]:
    """Median and 99th percentile at a fixed rate over 16 connections, milliseconds."""
    if shutil.which("h2load") is None:
        raise SystemExit("error: expected `h2load`\nhint: apt-get install nghttp2-client")
    log = folder / f"{server.name}-{kind}.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "--h1", "-t1", "-c16", f"-D{seconds}", f"--rps={rate / 16:.2f}", f"--log-file={log}"]
    for name, value in headers().items():
        command += ["-H", f"{name}: {value}"]
    if kind == "post":
        body = folder / "order.json"
        body.write_text(ORDER)
        command += ["-d", str(body), "-H", "Content-Type: application/json"]
    subprocess.run([*command, f"http://127.0.0.1:{server.port}{path(kind)}"], check=True, capture_output=True)
    # Columns: start time in us, status, time to the end of the response in us.
    rows = [line.split("\t") for line in log.read_text().splitlines()]
    bad = sum(row[1] != "200" for row in rows)
    if bad:
        raise RuntimeError(f"expected only 200 from {server.name}, got {bad} others of {len(rows)}")
    times = sorted(int(row[2]) / 1000 for row in rows[len(rows) // 10 :])
    return statistics.median(times), times[int(len(times) * 0.99)]
