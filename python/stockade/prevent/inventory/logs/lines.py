"""Access logs with one request a line, each format with its regular expression: no nesting, linear in the line."""

from __future__ import annotations

import re

from stockade.prevent.inventory.logs.entry import Entry, clf_second, entry_of, iso_second

_QUOTED = r'"((?:[^"\\]|\\.)*)"'

_COMBINED = re.compile(
    r'(\S+) \S+ (\S+(?: [^\[\s]+)?) \[([^\]]{10,40})\] ?"([A-Z]{3,10}) ([^"\s]+)(?: [^"]*)?" (\d{3}|-)'
    rf"(?: \S+)?(?: {_QUOTED} {_QUOTED})?"
)
_ENVOY = re.compile(
    r'\[(\d{4}-[^\]]{8,40})\] "([A-Z]{3,10}) (\S+) [^"]*" (\d{3}) \S+(?: \S+)*? (\d+) (\d+) (\d+) (\S+) '
    rf"{_QUOTED} {_QUOTED} {_QUOTED} {_QUOTED}"
)
_HAPROXY = re.compile(
    r"([0-9a-fA-F.:]+):\d+ \[(\d{2}/[A-Z][a-z]{2}/\d{4}:[\d:.]+)\] \S+ \S+ [-\d/+]+ (\d{3}|-1) \S+ .*"
    r'"([A-Z]{3,10}) (\S+)(?: HTTP/[\d.]+)?"\s*$'
)
_ALB = re.compile(
    r"(?:https?|h2|grpcs|wss?) (\S+) \S+ (\S+):\d+ \S+ [-\d.]+ [-\d.]+ [-\d.]+ (\d{3}|-) \S+ \d+ \d+ "
    rf'"([A-Z]{{3,10}}) (\S+)(?: [^"]*)?" {_QUOTED}'
)


def combined(line: str) -> Entry | None:
    """Common and combined log format: nginx, Apache, Caddy, API Gateway's CLF."""
    found = _COMBINED.match(line)
    if found is None:
        return None
    address, user, time, method, target, status, _, agent = found.groups()
    return entry_of(method, target, status, address=address, user=user, agent=agent, second=clf_second(time))


def envoy(line: str) -> Entry | None:
    """Envoy's default format."""
    found = _ENVOY.match(line)
    if found is None:
        return None
    time, method, target, status, *_, forwarded, agent, _, host = found.groups()
    address = forwarded.partition(",")[0].strip()
    return entry_of(
        method,
        target,
        status,
        address=None if address in ("", "-") else address,
        agent=agent,
        second=iso_second(time),
        host=host,
    )


def haproxy(line: str) -> Entry | None:
    """HAProxy's `option httplog`, behind syslog's own head or without it."""
    found = _HAPROXY.search(line)
    if found is None:
        return None
    address, time, status, method, target = found.groups()
    return entry_of(method, target, status, address=address, second=clf_second(f"{time[:20]} +0000"))


def alb(line: str) -> Entry | None:
    """AWS Application Load Balancer."""
    found = _ALB.match(line)
    if found is None:
        return None
    time, address, status, method, target, agent = found.groups()
    return entry_of(method, target, status, address=address, agent=agent, second=iso_second(time))
