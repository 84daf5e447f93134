"""What every stage together costs, beside nginx as a plain proxy and nginx with ModSecurity and the Core Rule Set.

Bars: at most 2.5 times the plain proxy, at least 20 times less than ModSecurity. On for Stockade: JWT (ES256),
contract, access, inspection, two limits, leak search in responses, event.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from benches import load, servers

MOST_OF_PLAIN = 2.5
LEAST_BELOW_MODSECURITY = 20.0
ROUNDS = 3


def measure(folder: Path) -> bool:
    """Alternates all three; compares medians."""
    good = True
    with (
        servers.origin(folder) as origin,
        servers.nginx_proxy(folder, origin.port) as nginx,
        servers.nginx_modsecurity(folder, origin.port) as modsecurity,
        servers.gateway(folder, servers.full_config(origin.port, folder)) as gateway,
    ):
        for kind in ("get", "post"):
            costs: dict[str, list[load.Cost]] = {nginx.name: [], gateway.name: [], modsecurity.name: []}
            for _ in range(ROUNDS):
                for server in (nginx, gateway, modsecurity):
                    costs[server.name].append(load.wrk(server, folder, kind, seconds=6))
            plain, ours, rules = (
                statistics.median(cost.cpu_us for cost in costs[server.name])
                for server in (nginx, gateway, modsecurity)
            )
            errors = sum(cost.errors for runs in costs.values() for cost in runs)
            print(
                f"{kind:5} nginx {plain:6.1f} us  stockade {ours:6.1f} us  modsecurity {rules:8.1f} us"
                f"  {ours / plain:.2f} times nginx (bar {MOST_OF_PLAIN})"
                f"  {rules / ours:.0f} times less than modsecurity (bar {LEAST_BELOW_MODSECURITY:.0f})"
                f"  errors {errors}",
                flush=True,
            )
            good &= ours / plain <= MOST_OF_PLAIN and rules / ours >= LEAST_BELOW_MODSECURITY and errors == 0
    return good
