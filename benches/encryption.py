"""What encryption on disk and field protection add to a request, beside the same gateway without them.

Bars: encrypted events at most 1 us more; a response whose fields are masked and tokenised at most 30 us more.
"""

from __future__ import annotations

import statistics
from pathlib import Path

from benches import load, servers

MOST_FOR_EVENTS_US = 1.0
MOST_FOR_FIELDS_US = 30.0
ROUNDS = 3
PROTECT = """    protect:
      rules:
        - {name: notes, fields: [note], action: tokenise, where: [responses]}
        - {name: mails, classes: [email, card], where: [responses]}
"""


def measure(folder: Path) -> bool:
    """Alternates all three; compares medians."""
    with servers.origin(folder) as origin:
        plain = servers.passthrough_config(origin.port)
        sealed = plain.replace("  workers: 1\n", "  workers: 1\n  spool: {encrypt: true}\n")
        protected = plain.rstrip() + "\n" + PROTECT
        with (
            servers.gateway(folder, plain, "plain") as one,
            servers.gateway(folder, sealed, "sealed") as two,
            servers.gateway(folder, protected, "protected") as three,
        ):
            costs: dict[str, list[load.Cost]] = {"plain": [], "sealed": [], "protected": []}
            for _ in range(ROUNDS):
                for name, server in (("plain", one), ("sealed", two), ("protected", three)):
                    costs[name].append(load.wrk(server, folder, "get", seconds=6))
    base, events, fields = (
        statistics.median(cost.cpu_us for cost in costs[name]) for name in ("plain", "sealed", "protected")
    )
    errors = sum(cost.errors for runs in costs.values() for cost in runs)
    print(f"plain {base:6.1f} us  encrypted events +{events - base:.2f} us  protected fields +{fields - base:.2f} us")
    print(f"errors {errors}")
    return events - base <= MOST_FOR_EVENTS_US and fields - base <= MOST_FOR_FIELDS_US and errors == 0
