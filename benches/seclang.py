"""What the Core Rule Set costs at paranoia level 1: CPU time for each request beside nginx with libmodsecurity3 on the
same rules, and memory with and without rules. Bars: ten times less CPU; 60 MB more memory; flat over 100 reloads."""

from __future__ import annotations

import http.client
import json
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benches import load, servers

BAR_TIMES = 10.0
BAR_MB = 60.0
RELOADS = 100
BAR_GROWTH_MB = 10.0
ROUNDS = 3
SECONDS = 4


def measure(folder: Path) -> bool:
    """Alternates the two on each payload; compares medians."""
    good = True
    with (
        servers.origin(folder) as origin,
        servers.nginx_modsecurity(folder, origin.port) as theirs,
        servers.gateway(folder, config(origin.port, folder), "rules") as ours,
        servers.gateway(folder, servers.passthrough_config(origin.port), "bare") as bare,
    ):
        for name, target, body, kind in payloads():
            file = script(folder, name, body, kind)
            costs: dict[str, list[float]] = {theirs.name: [], ours.name: []}
            errors = 0
            for _ in range(ROUNDS):
                for server in (theirs, ours):
                    cpu_us, bad = cost(server, file, target)
                    costs[server.name].append(cpu_us)
                    errors += bad
            slow, fast = statistics.median(costs[theirs.name]), statistics.median(costs[ours.name])
            print(
                f"{name:10} modsecurity {slow:9.0f} us  stockade {fast:7.0f} us  {slow / fast:5.1f} times less"
                f" (bar {BAR_TIMES:.0f})  errors {errors}",
                flush=True,
            )
            good &= slow / fast >= BAR_TIMES and errors == 0
        for name, target, body, kind in payloads():
            cost(bare, script(folder, name, body, kind), target)
        more = ours.rss_mb() - bare.rss_mb()
        print(f"memory: {more:.1f} MB more than without rules (bar {BAR_MB:.0f})", flush=True)
        good &= more < BAR_MB
        growth = reload(folder, ours)
        print(f"memory: {growth:+.1f} MB over {RELOADS} reloads (bar {BAR_GROWTH_MB:.0f})")
        good &= growth < BAR_GROWTH_MB
    return good


def reload(folder: Path, server: servers.Running) -> float:
    """Reads the same rules again and again under a request in between; how much memory grew, MB."""
    from stockade.app.gateway_link import GatewayLink
    from stockade.store.folder import DataFolder

    link = GatewayLink(DataFolder(folder / "rules" / "data").socket)
    readings = []
    for _ in range(RELOADS):
        if not link.reload().get("ok"):
            raise RuntimeError("expected the gateway to take its bundle again")
        # A worker lets go of the old rules with its next request.
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("GET", "/orders?limit=20")
        connection.getresponse().read()
        connection.close()
        readings.append(server.rss_mb())
    return readings[-1] - readings[RELOADS // 4]


def payloads() -> Iterator[tuple[str, str, str, str]]:
    """Name, target, body and media type of what is sent."""
    yield "get", "/orders?limit=20&sort=-created_at&status=open&q=blue+chair", "", ""
    small = {"customer": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "note": "Please ring twice, the bell is old",
             "items": [{"sku": "A-1044-BLUE", "quantity": 2, "gift": False}, {"sku": "B-7", "quantity": 1}],
             "address": {"street": "12 St. Stephen's Green", "city": "Dublin", "country": "IE"}}  # fmt: skip
    yield "json-300", "/orders", json.dumps(small, separators=(",", ":")), "application/json"
    form = "&".join(f"field_{number}=value+number+{number}+of+the+form" for number in range(30))
    yield "form-30", "/orders", form, "application/x-www-form-urlencoded"
    large = {"orders": [{"id": number, "sku": f"A-{number}-BLUE", "quantity": 2, "price": 12.5, "city": "Dublin",
                         "status": "open and paid"} for number in range(100)]}  # fmt: skip
    yield "json-12k", "/orders", json.dumps(large), "application/json"


def config(origin_port: int, folder: Path) -> str:
    """The gateway with the rules alone, as nginx has them."""
    return servers.passthrough_config(origin_port) + f"    seclang: {{files: [{folder}/modsecurity.conf]}}\n"


def script(folder: Path, name: str, body: str, kind: str) -> Path:
    """A wrk script for one payload."""
    fields = load.headers() | ({"Content-Type": kind} if kind else {})
    lines = [f'wrk.headers["{field}"] = "{value}"' for field, value in fields.items()]
    if body:
        lines += ['wrk.method = "POST"', f"wrk.body = [==[{body}]==]"]
    lines.append(
        "done = function(summary, latency, requests)\n  local e = summary.errors\n"
        '  io.write(string.format("RESULT %d %d\\n", summary.requests, e.connect + e.read + e.write + e.status))\nend'
    )
    file = folder / f"seclang-{name}.lua"
    file.write_text("\n".join(lines) + "\n")
    return file


def cost(server: servers.Running, file: Path, target: str) -> tuple[float, int]:
    """CPU time for each request, microseconds, after a warm-up; and how many were not answered with 2xx."""
    command = ["wrk", "-t1", "-c8", "--timeout", "20s", "-s", str(file)]
    url = f"http://127.0.0.1:{server.port}{target}"
    subprocess.run([*command, "-d1s", url], check=True, capture_output=True)
    before = server.cpu_s()
    printed = subprocess.run([*command, f"-d{SECONDS}s", url], check=True, capture_output=True, text=True).stdout
    spent = server.cpu_s() - before
    found = re.search(r"RESULT (\d+) (\d+)", printed)
    if found is None:
        raise RuntimeError(f"expected a RESULT line from wrk, got: {printed[-400:]}")
    return spent / max(int(found.group(1)), 1) * 1e6, int(found.group(2))
