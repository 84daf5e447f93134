"""What the gateway itself costs: CPU time for each request beside nginx as a plain proxy. Bar: 1.2 times."""

from __future__ import annotations

import statistics
from pathlib import Path

from benches import load, servers

BAR = 1.2
ROUNDS = 3


def measure(folder: Path) -> bool:
    """Alternates the two, so that a machine that slows down slows both; compares medians."""
    good = True
    with (
        servers.origin(folder) as origin,
        servers.nginx_proxy(folder, origin.port) as nginx,
        servers.gateway(folder, servers.passthrough_config(origin.port)) as gateway,
    ):
        for kind in ("get", "post"):
            costs: dict[str, list[load.Cost]] = {nginx.name: [], gateway.name: []}
            for _ in range(ROUNDS):
                for server in (nginx, gateway):
                    costs[server.name].append(load.wrk(server, folder, kind))
            ours, theirs = (
                statistics.median(cost.cpu_us for cost in costs[server.name]) for server in (gateway, nginx)
            )
            errors = sum(cost.errors for runs in costs.values() for cost in runs)
            rate = statistics.median(cost.rate for cost in costs[gateway.name])
            print(
                f"{kind:5} nginx {theirs:6.1f} us  stockade {ours:6.1f} us  ratio {ours / theirs:.2f}"
                f" (bar {BAR})  {rate:,.0f} req/s  errors {errors}",
                flush=True,
            )
            good &= ours / theirs <= BAR and errors == 0
    return good
