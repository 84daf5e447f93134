"""Selectors of decisions over what behaviour saw: whether one fits, and all that fit at once."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar

Value = TypeVar("Value")


class Seen(Protocol):
    """What a selector is held against."""

    address: str
    agent: str
    api: str
    key: str
    method: str
    operation: str
    session: str
    subject: str
    token: str


def attribute(seen: Seen, name: str) -> str:
    """The value of an attribute as decisions name it; empty when there is none, or events do not tell it."""
    match name:
        case "operation":
            return seen.operation.partition(" ")[2]
        case "header:user-agent":
            return seen.agent
        case "subject" | "key" | "session" | "token" | "method" | "api" | "address":
            return str(getattr(seen, name))
        case _:
            return ""


def fits(selector: Mapping[str, str], seen: Seen) -> bool:
    """Whether every attribute of a selector is equal; `address` may be a range."""
    for name, value in selector.items():
        found = attribute(seen, name)
        if found != value and not (name == "address" and "/" in value and _in_range(found, value)):
            return False
    return True


def _in_range(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


class Selectors(Generic[Value]):
    """Many selectors, of which those that fit are found by one look-up for each shape; ranges are tried one by one."""

    def __init__(self, entries: Iterable[tuple[Mapping[str, str], Value]] = ()) -> None:
        self._shapes: dict[tuple[str, ...], dict[tuple[str, ...], list[Value]]] = {}
        self._ranges: list[tuple[Mapping[str, str], Value]] = []
        for selector, value in entries:
            self.add(selector, value)

    def add(self, selector: Mapping[str, str], value: Value) -> None:
        """Take a selector in."""
        if "/" in selector.get("address", ""):
            self._ranges.append((selector, value))
            return
        names = tuple(sorted(selector))
        self._shapes.setdefault(names, {}).setdefault(tuple(selector[name] for name in names), []).append(value)

    def fitting(self, seen: Seen) -> list[Value]:
        """The values of all selectors that fit."""
        found: list[Value] = []
        for names, table in self._shapes.items():
            found.extend(table.get(tuple(attribute(seen, name) for name in names), ()))
        found.extend(value for selector, value in self._ranges if fits(selector, seen))
        return found
