"""Finds exchanges by anything that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from stockade.store.archive.columns import PARTS, DataClass
from stockade.store.queries.query import API, SINCE, UNTIL, Kind, NamedQuery, Parameter, limit, within
from stockade.store.queries.tables import EVIDENCE, FACTS, NOTICES

_C = FACTS.c

ACTOR_KINDS = ("subject", "client", "key", "certificate", "session", "fingerprint", "token", "address")
"""What an actor may be known by, as in `kind:id`."""

FIELDS = (
    SINCE,
    UNTIL,
    API,
    Parameter("verdict", Kind.TEXT, "How it ended.", choices=("allowed", "refused", "would_refuse", "failed")),
    Parameter("status", Kind.NUMBER, "Status that the caller got."),
    Parameter("operation", Kind.TEXT, "Operation id."),
    Parameter("method", Kind.TEXT, "Method."),
    Parameter("actor", Kind.TEXT, "Actor as `kind:id`, or the id alone."),
    Parameter("address", Kind.TEXT, "Address of the caller, or of the proxy before it."),
    Parameter("path", Kind.TEXT, "Beginning of the path."),
    Parameter("reason", Kind.TEXT, "Reason code of a refusal, or a stage for all of its reasons."),
    Parameter("detector", Kind.TEXT, "Detector or rule that found something."),
    Parameter("object", Kind.TEXT, "Id of an object: a whole segment of the path, or a value in the query."),
    Parameter("text", Kind.TEXT, "Text anywhere in the evidence, in any case."),
)
"""What exchanges may be searched by; everything that is given must fit."""


def conditions(values: Mapping[str, Any]) -> list[sa.ColumnElement[bool]]:
    """The conditions of a search."""
    found = within(FACTS, values)
    for name in ("verdict", "status", "operation", "method"):
        if values.get(name) is not None:
            found.append(_C[name] == values[name])
    if (actor := values.get("actor")) is not None:
        # Only equality: it is looked up among the few distinct texts of a block, not in every row.
        found.append(_C.actor.in_([actor, *(f"{kind}:{actor}" for kind in ACTOR_KINDS)]))
    if (address := values.get("address")) is not None:
        found.append(sa.or_(_C.address == address, _C.peer == address))
    if (path := values.get("path")) is not None:
        found.append(_C.path.startswith(path, autoescape=True))
    if (reason := values.get("reason")) is not None:
        found.append(
            sa.or_(_has_part(_C.reasons, reason), sa.func.strpos(_framed(_C.reasons), f"{PARTS}{reason}.") > 0)
        )
    if (detector := values.get("detector")) is not None:
        found.append(_has_part(_C.detectors, detector))
    if (wanted := values.get("object")) is not None:
        found.append(
            sa.or_(
                _C.path.endswith(f"/{wanted}", autoescape=True),
                _C.path.contains(f"/{wanted}/", autoescape=True),
                _C.query.endswith(f"={wanted}", autoescape=True),
                _C.query.contains(f"={wanted}&", autoescape=True),
            )
        )
    if (text := values.get("text")) is not None:
        seen = sa.select(EVIDENCE.c.id).where(
            sa.func.strpos(sa.func.lower(EVIDENCE.c.record), text.lower()) > 0,
            *within(EVIDENCE, {**values, "api": None}),
        )
        found.append(_C.id.in_(seen))
    return found


def _framed(column: sa.Column[str]) -> sa.ColumnElement[str]:
    return sa.func.concat(PARTS, column, PARTS)


def _has_part(column: sa.Column[str], part: str) -> sa.ColumnElement[bool]:
    return sa.func.strpos(_framed(column), f"{PARTS}{part}{PARTS}") > 0


def _search(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(FACTS)
        .where(*conditions(values))
        .order_by(_C.time.desc(), _C.epoch.desc(), _C.seq.desc())
        .limit(values["limit"])
    )


def _evidence(values: Mapping[str, Any]) -> sa.SelectBase:
    ids = str(values["ids"]).split(",")
    return sa.select(EVIDENCE.c.id, EVIDENCE.c.record).where(
        EVIDENCE.c.id.in_(ids), *within(EVIDENCE, {**values, "api": None})
    )


def _exchange(values: Mapping[str, Any]) -> sa.SelectBase:
    return sa.select(FACTS).where(_C.id == values["id"], *within(FACTS, values)).limit(1)


def _notices(values: Mapping[str, Any]) -> sa.SelectBase:
    return (
        sa.select(NOTICES)
        .where(*within(NOTICES, values))
        .order_by(NOTICES.c.time.desc(), NOTICES.c.epoch.desc(), NOTICES.c.seq.desc())
        .limit(values["limit"])
    )


_IDS = Parameter("ids", Kind.TEXT, "Ids, with commas between.", required=True)
_ID = Parameter("id", Kind.TEXT, "Id of the exchange.", required=True)

SEARCH = NamedQuery(
    "search",
    "Exchanges that fit, newest first.",
    (*FIELDS, limit(100)),
    _search,
    (DataClass.FACTS, DataClass.EVIDENCE),
    newest_first=True,
)
"""Facts of exchanges."""
EVIDENCE_OF = NamedQuery(
    "evidence", "Whole records of exchanges.", (SINCE, UNTIL, _IDS), _evidence, (DataClass.EVIDENCE,)
)
"""Records by id; exchanges without evidence give no row."""
EXCHANGE = NamedQuery("exchange", "One exchange by its id.", (SINCE, UNTIL, _ID), _exchange)
"""Facts of one exchange."""
NOTICES_NEWEST = NamedQuery(
    "newest_notices", "Notices, newest first.", (SINCE, UNTIL, limit(100)), _notices, (DataClass.NOTICES,)
)
"""Notices themselves."""

QUERIES = (SEARCH, EVIDENCE_OF, EXCHANGE, NOTICES_NEWEST)
"""Queries of this family."""
