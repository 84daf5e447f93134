"""Addresses to listen on: no two the same, nothing open to the world by accident."""

import ipaddress
from collections.abc import Iterator

from stockade.config.document.node import Step
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.config.values.address import split_address
from stockade.model.problem import Problem, Severity


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Duplicate addresses; an admin API that other machines reach."""
    seen: dict[tuple[str, int], str] = {}
    places: list[tuple[tuple[Step, ...], str]] = [
        (("gateway", "listen", index, "address"), listener.address)
        for index, listener in enumerate(config.gateway.listen)
    ]
    places.append((("admin", "listen"), config.admin.listen))
    for steps, text in places:
        address = split_address(text)
        if address[1] == 0:
            continue
        if address in seen:
            hint = "give each its own port"
            yield sources.problem(
                steps, f"expected an address of its own; `{seen[address]}` has it too", hint, got=text
            )
        seen.setdefault(address, text)
    if not ipaddress.ip_address(split_address(config.admin.listen)[0]).is_loopback:
        yield sources.problem(
            ("admin", "listen"),
            "the admin API can be reached from other machines",
            "listen on 127.0.0.1 and use a tunnel, or shield the port with a firewall",
            severity=Severity.WARNING,
        )
