"""From any value to all that it touches."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.queries.query import SINCE, UNTIL, Kind, NamedQuery, Parameter, counted, limit, within
from stockade.store.queries.search import conditions
from stockade.store.queries.tables import FACTS

_C = FACTS.c
_BAD = _C.verdict.in_(["refused", "would_refuse"])

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ID = re.compile(f"[{_LETTERS}]{{26}}")
_TRACE = re.compile("[0-9a-f]{32}")

_EQUAL = (
    _C.id,
    _C.subject,
    _C.client,
    _C.key,
    _C.session,
    _C.token,
    _C.operation,
    _C.api,
    _C.authority,
    _C.user_agent,
    _C.upstream,
    _C.issuer,
    _C.tls_server_name,
    _C.gateway,
)

ROLES: Mapping[str, Callable[[str], sa.ColumnElement[bool]]] = {
    "actor": lambda value: sa.and_(*conditions({"actor": value})),
    "address": lambda value: sa.and_(*conditions({"address": value})),
    "object": lambda value: sa.and_(*conditions({"object": value})),
    "path": lambda value: _C.path == value,
    "trace": lambda value: sa.or_(_C.trace == value, _C.id == _id_of_trace(value)),
    "reason": lambda value: sa.and_(*conditions({"reason": value})),
    "detector": lambda value: sa.and_(*conditions({"detector": value})),
    **{column.name: (lambda value, column=column: column == value) for column in _EQUAL},  # type: ignore[misc]
}
"""As what a value may stand in an exchange."""


def roles_of(value: str) -> tuple[str, ...]:
    """As what a value can stand, by its form: an address is no path, and no row need be asked whether it is."""
    if _ID.fullmatch(value):
        return ("id",)
    if _TRACE.fullmatch(value):
        return ("trace",)
    if value.startswith("/"):
        return ("path",)
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return tuple(role for role in ROLES if role not in ("id", "path", "address", "trace"))
    return ("actor", "address")


def _id_of_trace(value: str) -> str:
    """The exchange whose trace was started by the gateway: both have the same 128 bits."""
    number, text = int(value, 16), ""
    for _ in range(26):
        number, letter = divmod(number, 32)
        text = _LETTERS[letter] + text
    return text


SIDES = ("actor", "address", "operation", "path", "user_agent", "status", "verdict", "reason", "key", "authority")
"""What is told of the exchanges that a value stands in."""

_VALUE = Parameter("value", Kind.TEXT, "The value.", required=True)


def _roles(values: Mapping[str, Any]) -> sa.SelectBase:
    value = values["value"]
    flags = [counted(ROLES[role](value)).label(role) for role in roles_of(value)]
    return sa.select(*flags).where(_touched(value), *within(FACTS, values))


def _span(values: Mapping[str, Any]) -> sa.SelectBase:
    return sa.select(
        sa.func.count().label("exchanges"),
        counted(_BAD).label("refused"),
        sa.func.min(_C.time).label("first_seen"),
        sa.func.max(_C.time).label("last_seen"),
    ).where(_touched(values["value"]), *within(FACTS, values))


def _side(values: Mapping[str, Any]) -> sa.SelectBase:
    column = _C[str(values["side"])]
    return (
        sa.select(
            column.label("value"),
            sa.func.count().label("exchanges"),
            counted(_BAD).label("refused"),
            sa.func.max(_C.time).label("last_seen"),
        )
        .where(column.is_not(None), _touched(values["value"]), *within(FACTS, values))
        .group_by(column)
        .order_by(sa.desc("exchanges"), column)
        .limit(values["limit"])
    )


def _touched(value: str) -> sa.ColumnElement[bool]:
    return sa.or_(*(ROLES[role](value) for role in roles_of(value)))


ROLES_OF = NamedQuery("pivot_roles", "As what a value stands in exchanges.", (SINCE, UNTIL, _VALUE), _roles)
"""One row, with a count for each role."""
SPAN_OF = NamedQuery("pivot_span", "How often and when a value was seen.", (SINCE, UNTIL, _VALUE), _span)
"""One row."""
SIDE_OF = NamedQuery(
    "pivot",
    "What stands beside a value: actors, addresses, operations and so on.",
    (SINCE, UNTIL, _VALUE, Parameter("side", Kind.TEXT, "What is told.", "actor", choices=SIDES), limit(10)),
    _side,
)
"""One side of a value."""

QUERIES = (ROLES_OF, SPAN_OF, SIDE_OF)
"""Queries of this family."""
