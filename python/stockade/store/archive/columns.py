"""The columns of recorded events: the same names in Parquet, in DuckDB and in PostgreSQL.

Facts are one flat row for each exchange, a few dozen bytes on disk. Evidence is the whole record of every exchange that
a stage or a detector had something to say about. Both carry the id, so that one leads to the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

PARTS = "\x1f"
"""Stands between the parts of a text that holds several, such as `reasons`: the unit separator of ASCII."""


class DataClass(StrEnum):
    """What is kept for its own time."""

    FACTS = "facts"
    """One row for each exchange: who asked what, how it ended, how long it took."""
    EVIDENCE = "evidence"
    """Whole records of exchanges that were refused, failed or looked at twice."""
    NOTICES = "notices"
    """What gateways had to tell of themselves."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column."""

    name: str
    """Name, the same in every store."""
    type: pa.DataType
    """Type in Arrow."""
    path: tuple[str, ...] = ()
    """Where the value stands in the record; empty when it is worked out."""
    rising: bool = False
    """Whether it rises from row to row, so that differences are stored."""


_TEXT = pa.string()
_NUMBER = pa.int64()

FACTS: tuple[Column, ...] = (
    Column("epoch", pa.int32()),
    Column("seq", _NUMBER, rising=True),
    Column("time", _NUMBER, ("time",), rising=True),
    Column("id", _TEXT, ("id",)),
    Column("gateway", _TEXT, ("gateway",)),
    Column("bundle", _NUMBER, ("bundle",)),
    Column("verdict", _TEXT, ("verdict",)),
    Column("mode", _TEXT, ("mode",)),
    Column("api", _TEXT, ("api",)),
    Column("operation", _TEXT, ("operation",)),
    Column("actor", _TEXT, ("actor",)),
    Column("session", _TEXT, ("session",)),
    Column("trace", _TEXT, ("trace", "id")),
    Column("trace_parent", _TEXT, ("trace", "parent")),
    Column("address", _TEXT, ("client", "address")),
    Column("peer", _TEXT, ("client", "peer")),
    Column("port", pa.int32(), ("client", "port")),
    Column("tls_version", _TEXT, ("client", "tls", "version")),
    Column("tls_server_name", _TEXT, ("client", "tls", "server_name")),
    Column("tls_alpn", _TEXT, ("client", "tls", "alpn")),
    Column("tls_key_exchange", _TEXT, ("client", "tls", "key_exchange")),
    Column("method", _TEXT, ("request", "method")),
    Column("scheme", _TEXT, ("request", "scheme")),
    Column("authority", _TEXT, ("request", "authority")),
    Column("path", _TEXT, ("request", "path")),
    Column("query", _TEXT, ("request", "query")),
    Column("http_version", _TEXT, ("request", "version")),
    Column("request_type", _TEXT, ("request", "content_type")),
    Column("user_agent", _TEXT, ("request", "user_agent")),
    Column("request_bytes", _NUMBER, ("request", "body_bytes")),
    Column("request_fields", _TEXT),
    Column("identity_method", _TEXT, ("identity", "method")),
    Column("subject", _TEXT, ("identity", "subject")),
    Column("issuer", _TEXT, ("identity", "issuer")),
    Column("client", _TEXT, ("identity", "client")),
    Column("key", _TEXT, ("identity", "key")),
    Column("identity_session", _TEXT, ("identity", "session")),
    Column("token", _TEXT, ("identity", "token")),
    Column("token_hash", _TEXT, ("identity", "token_hash")),
    Column("bound", _TEXT, ("identity", "bound")),
    Column("roles", _TEXT),
    Column("scopes", _TEXT),
    Column("reason", _TEXT),
    Column("reasons", _TEXT),
    Column("detectors", _TEXT),
    Column("stages", _TEXT),
    Column("status", pa.int32(), ("response", "status")),
    Column("response_bytes", _NUMBER, ("response", "body_bytes")),
    Column("response_type", _TEXT, ("response", "content_type")),
    Column("response_fields", _TEXT),
    Column("upstream", _TEXT, ("response", "upstream")),
    Column("complete", pa.bool_(), ("response", "complete")),
    Column("total_us", _NUMBER, ("timing", "total_us")),
    Column("engine_us", _NUMBER, ("timing", "engine_us")),
    Column("upstream_us", _NUMBER, ("timing", "upstream_us")),
    Column("evidence", pa.bool_()),
    Column("more", _TEXT),
)
"""Columns of facts, in the order of the record.

Of those without a place in it: `request_fields` and `response_fields` hold what the lists `fields` say, one
`field:type:format:data` for each; `evidence` tells whether the whole record is kept as evidence; `more` is JSON, the
members of the record that have no column here.
"""

EVIDENCE: tuple[Column, ...] = (
    Column("epoch", pa.int32()),
    Column("seq", _NUMBER, rising=True),
    Column("time", _NUMBER, ("time",), rising=True),
    Column("id", _TEXT, ("id",)),
    Column("record", _TEXT),
)
"""Columns of evidence; `record` is the record as the gateway wrote it, JSON."""

NOTICES: tuple[Column, ...] = (
    Column("epoch", pa.int32()),
    Column("seq", _NUMBER, rising=True),
    Column("time", _NUMBER, ("time",), rising=True),
    Column("gateway", _TEXT, ("gateway",)),
    Column("code", _TEXT, ("code",)),
    Column("detail", _TEXT, ("detail",)),
)
"""Columns of notices."""

FIELD_MEMBERS = ("field", "type", "format", "data")
"""What is told of a field of a body, in the order in which a column holds it."""

COLUMNS: Mapping[DataClass, tuple[Column, ...]] = {
    DataClass.FACTS: FACTS,
    DataClass.EVIDENCE: EVIDENCE,
    DataClass.NOTICES: NOTICES,
}
"""Columns of each data class."""

PLAIN_TEXT = frozenset({"id", "record", "trace", "trace_parent"})
"""Text that hardly ever comes twice: a dictionary would only cost."""


def schema_of(data_class: DataClass) -> pa.Schema:
    """The Arrow schema of a data class."""
    return pa.schema([pa.field(column.name, column.type) for column in COLUMNS[data_class]])


def record_schema() -> pa.Schema:
    """How a line of the spool is read: number and record, with a field for everything that has a column."""
    text, number = pa.string(), pa.int64()
    paths = {column.path: column.type for column in (*FACTS, *NOTICES) if column.path}
    lists = pa.list_(text)
    paths |= {("identity", "roles"): lists, ("identity", "scopes"): lists, ("kind",): text, ("format",): number}
    # Excerpts and header fields have no column: they are evidence.
    paths |= {("request", "excerpt"): text, ("response", "excerpt"): text, ("request", "headers"): lists}
    for name, members in (
        ("request.fields", FIELD_MEMBERS),
        ("response.fields", FIELD_MEMBERS),
        ("refusals", ("stage", "reason", "setting", "detail", "exception")),
        ("findings", ("detector", "place", "evidence", "note")),
        ("stages", ("stage", "outcome", "detail", "setting")),
    ):
        paths[tuple(name.split("."))] = pa.list_(pa.struct(dict.fromkeys(members, text)))
    return pa.schema({"seq": number, "record": _struct(paths)})


def _struct(paths: Mapping[tuple[str, ...], pa.DataType]) -> pa.DataType:
    below: dict[str, dict[tuple[str, ...], pa.DataType]] = {}
    for path, kind in paths.items():
        below.setdefault(path[0], {})[path[1:]] = kind
    return pa.struct({name: inner[()] if () in inner else _struct(inner) for name, inner in below.items()})
