"""What a caller waits longer: p99 at half of the gateway's capacity, beside nginx at the same rate. Bar: 1 ms more."""

from __future__ import annotations

import statistics
from pathlib import Path

from benches import load, servers

BAR_MS = 1.0
ROUNDS = 3


def measure(folder: Path) -> bool:
    """Capacity first, then both at half of it, alternating; compares medians of p99."""
    good = True
    with (
        servers.origin(folder) as origin,
        servers.nginx_proxy(folder, origin.port) as nginx,
        servers.gateway(folder, servers.full_config(origin.port, folder)) as gateway,
    ):
        for kind in ("get", "post"):
            rate = load.wrk(gateway, folder, kind, seconds=4).rate / 2
            p99: dict[str, list[float]] = {nginx.name: [], gateway.name: []}
            for _ in range(ROUNDS):
                for server in (nginx, gateway):
                    p99[server.name].append(load.latency_ms(server, folder, kind, rate)[1])
            ours, theirs = (statistics.median(p99[server.name]) for server in (gateway, nginx))
            print(
                f"{kind:5} at {rate:,.0f} req/s: p99 nginx {theirs:.2f} ms  stockade {ours:.2f} ms"
                f"  added {ours - theirs:+.2f} ms (bar {BAR_MS})",
                flush=True,
            )
            good &= ours - theirs <= BAR_MS
    return good
