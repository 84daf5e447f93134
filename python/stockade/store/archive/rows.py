"""Turns lines of the spool into columns: thousands of records at once, without a Python object for each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from stockade.store.archive.columns import COLUMNS, FIELD_MEMBERS, PARTS, DataClass, record_schema, schema_of

_SCHEMA = record_schema()
_RECORD = _SCHEMA.field("record").type


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a run of records."""

    tables: Mapping[DataClass, pa.Table]
    """One table for each data class, each in the order of the records."""
    unread: int = 0
    """Records that could not be read and are in no table."""


def rows_of(lines: bytes, epoch: int) -> Rows:
    """Read JSON lines of `{"seq": .., "record": {..}}`.

    A record of a newer gateway keeps what has no column in `more`; one that has other types than
    expected is read by itself, so that it cannot take others with it.

    Args:
        lines: whole lines, as the spool gives them.
        epoch: of the spool that they come from.
    """
    if not lines:
        return Rows({data_class: schema_of(data_class).empty_table() for data_class in DataClass})
    raw = lines.splitlines()
    try:
        read = _read(lines)
    except pa.ArrowInvalid:
        return _one_by_one(raw, epoch)
    if len(raw) != read.num_rows:
        return _one_by_one(raw, epoch)
    return Rows(_tables(read, raw, epoch))


def joined(tables: Sequence[pa.Table], data_class: DataClass) -> pa.Table:
    """Tables of one data class as one."""
    return pa.concat_tables(tables) if tables else schema_of(data_class).empty_table()


def _read(lines: bytes) -> pa.Table:
    return pyarrow.json.read_json(
        pa.BufferReader(lines),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pyarrow.json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="infer"),
    )


def _one_by_one(raw: Sequence[bytes], epoch: int) -> Rows:
    tables: dict[DataClass, list[pa.Table]] = {data_class: [] for data_class in DataClass}
    unread = 0
    for line in raw:
        try:
            read = _tables(_read(line + b"\n"), [line], epoch)
        except (pa.ArrowInvalid, KeyError):
            unread += 1
            continue
        for data_class, table in read.items():
            tables[data_class].append(table)
    return Rows({data_class: joined(found, data_class) for data_class, found in tables.items()}, unread)


def _tables(read: pa.Table, raw: Sequence[bytes], epoch: int) -> dict[DataClass, pa.Table]:
    read = read.combine_chunks()
    record = _chunk(read["record"])
    kind = record.field("kind")
    is_exchange = pc.equal(kind, "exchange")
    if pc.all(is_exchange).as_py():
        chosen, numbers, notices = record, _chunk(read["seq"]), None
    else:
        chosen, numbers = record.filter(is_exchange), _chunk(read["seq"]).filter(is_exchange)
        is_notice = pc.equal(kind, "notice")
        notices = _table(DataClass.NOTICES, record.filter(is_notice), _chunk(read["seq"]).filter(is_notice), epoch, {})
        keep = is_exchange.to_pylist()
        raw = [line for line, kept in zip(raw, keep, strict=True) if kept]
    worked_out = _worked_out(chosen)
    more = _more(read, raw)
    if more is not None:
        worked_out["more"] = more
    worked_out["evidence"] = _has_evidence(chosen, worked_out)
    facts = _table(DataClass.FACTS, chosen, numbers, epoch, worked_out)
    places = pc.indices_nonzero(worked_out["evidence"])
    records = pa.array([_record_text(raw[place]) for place in places.to_pylist()], pa.string())
    evidence = _table(DataClass.EVIDENCE, chosen.take(places), numbers.take(places), epoch, {"record": records})
    return {
        DataClass.FACTS: facts,
        DataClass.EVIDENCE: evidence,
        DataClass.NOTICES: notices if notices is not None else schema_of(DataClass.NOTICES).empty_table(),
    }


def _table(
    data_class: DataClass, record: pa.StructArray, numbers: pa.Array, epoch: int, given: Mapping[str, pa.Array]
) -> pa.Table:
    count = len(numbers)
    leaves: dict[tuple[str, ...], pa.Array] = {(): record}
    arrays = []
    for column in COLUMNS[data_class]:
        if column.name == "epoch":
            array = pa.repeat(pa.scalar(epoch, column.type), count)
        elif column.name == "seq":
            array = numbers
        elif column.path:
            array = _leaf(leaves, column.path)
        else:
            array = given.get(column.name)
            if array is None:
                array = pa.nulls(count, column.type)
        arrays.append(array)
    return pa.table(arrays, schema=schema_of(data_class))


def _leaf(leaves: dict[tuple[str, ...], pa.Array], path: tuple[str, ...]) -> pa.Array:
    found = leaves.get(path)
    if found is None:
        parent = _leaf(leaves, path[:-1])
        # Flattened, a field is null where its parent is.
        flat = parent.flatten()
        for place in range(parent.type.num_fields):
            leaves[(*path[:-1], parent.type.field(place).name)] = flat[place]
        found = leaves[path]
    return found


def _worked_out(record: pa.StructArray) -> dict[str, pa.Array]:
    identity = _leaf({(): record}, ("identity",))
    refusals, findings, stages = record.field("refusals"), record.field("findings"), record.field("stages")
    reasons = _inner(refusals, refusals.values.field("reason"))
    outcomes = pc.binary_join_element_wise(stages.values.field("stage"), stages.values.field("outcome"), ":")
    return {
        "roles": _parts(_leaf({(): identity}, ("roles",))),
        "scopes": _parts(_leaf({(): identity}, ("scopes",))),
        "reason": _last(reasons),
        "reasons": _parts(reasons),
        "detectors": _parts(_inner(findings, findings.values.field("detector"))),
        "stages": _parts(_inner(stages, outcomes)),
        "request_fields": _fields(_leaf({(): record}, ("request", "fields"))),
        "response_fields": _fields(_leaf({(): record}, ("response", "fields"))),
    }


def _fields(fields: pa.ListArray) -> pa.Array:
    if fields.null_count == len(fields):
        return pa.nulls(len(fields), pa.string())
    members = [fields.values.field(name) for name in FIELD_MEMBERS]
    texts = pc.binary_join_element_wise(*members, ":", null_handling="replace", null_replacement="")
    return _parts(_inner(fields, texts))


def _inner(outer: pa.ListArray, values: pa.Array) -> pa.ListArray:
    """A list of one field of the structs that another list holds."""
    mask = outer.is_null() if outer.null_count else None
    return pa.ListArray.from_arrays(outer.offsets, values, mask=mask)


def _parts(texts: pa.ListArray) -> pa.Array:
    if texts.null_count == len(texts):
        return pa.nulls(len(texts), pa.string())
    joined_texts = pc.binary_join(texts, PARTS)
    return pc.if_else(pc.equal(joined_texts, ""), None, joined_texts)


def _last(texts: pa.ListArray) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(texts), 0)
    if not pc.any(pc.greater(lengths, 0)).as_py():
        return pa.nulls(len(texts), pa.string())
    ends = pc.subtract(pc.add(texts.offsets.slice(0, len(texts)), lengths), 1)
    return texts.values.take(pc.if_else(pc.greater(lengths, 0), ends, None))


def _has_evidence(record: pa.StructArray, worked_out: Mapping[str, pa.Array]) -> pa.Array:
    stages = record.field("stages")
    noted = _inner(stages, stages.values.field("detail"))
    wanted = pc.not_equal(record.field("verdict"), "allowed")
    for flag in (
        pc.is_valid(worked_out["reasons"]),
        pc.is_valid(worked_out["detectors"]),
        pc.greater(pc.fill_null(pc.binary_length(pc.fill_null(_parts(noted), "")), 0), 0)
        if stages.values.field("detail").null_count < len(stages.values)
        else None,
    ):
        if flag is not None:
            wanted = pc.or_(wanted, flag)
    return pc.fill_null(wanted, True)


def _more(read: pa.Table, raw: Sequence[bytes]) -> pa.Array | None:
    """Members without a column, as JSON; None when no record of these has any."""
    if not _has_more(read.schema.field("record").type, _RECORD):
        return None
    extra = [_extra(json.loads(line)["record"]) for line in raw]
    if not any(extra):
        return None
    return pa.array([json.dumps(value, separators=(",", ":")) if value else None for value in extra], pa.string())


def _has_more(found: pa.StructType, known: pa.StructType) -> bool:
    # What stands inside lists (refusals, findings, notes) makes its record evidence and is kept there.
    if found.num_fields > known.num_fields:
        return True
    return any(
        pa.types.is_struct(inner.type) and _has_more(found.field(inner.name).type, inner.type) for inner in known
    )


def _extra(record: Mapping[str, Any], known: pa.StructType = _RECORD) -> dict[str, Any]:
    names = {known.field(place).name: known.field(place).type for place in range(known.num_fields)}
    extra: dict[str, Any] = {}
    for name, value in record.items():
        inner = names.get(name)
        if inner is None:
            extra[name] = value
        elif isinstance(value, Mapping) and pa.types.is_struct(inner):
            below = _extra(value, inner)
            if below:
                extra[name] = below
    return extra


def _record_text(line: bytes) -> str:
    # The line is `{"seq":12,"record":{...}}`; only the record is evidence.
    return line[line.index(b'"record":') + 9 : -1].decode("utf-8", "replace")


def _chunk(column: pa.ChunkedArray) -> pa.Array:
    chunks = column.chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)


def facts_to_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """The record that a row of facts was made from; `stages` without details, which only evidence has.

    Args:
        row: column names to values.
    """
    record: dict[str, Any] = {"kind": "exchange", "format": 1}
    for column in COLUMNS[DataClass.FACTS]:
        value = row.get(column.name)
        if not column.path or value is None:
            continue
        node = record
        for name in column.path[:-1]:
            node = node.setdefault(name, {})
        node[column.path[-1]] = value
    identity = record.get("identity")
    if identity is not None:
        identity["roles"] = _split(row.get("roles"))
        identity["scopes"] = _split(row.get("scopes"))
    for name in ("request", "response"):
        fields = [field_of(part) for part in _split(row.get(f"{name}_fields"))]
        if fields and name in record:
            record[name]["fields"] = fields
    stages = [part.partition(":") for part in _split(row.get("stages"))]
    record["stages"] = [{"stage": stage, "outcome": outcome} for stage, _, outcome in stages]
    if row.get("more"):
        _merge(record, json.loads(row["more"]))
    return record


def field_of(text: str) -> dict[str, str]:
    """One field of a body from the text that a column holds."""
    return {name: part for name, part in zip(FIELD_MEMBERS, text.split(":"), strict=False) if part}


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for name, value in more.items():
        inner = into.get(name)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            _merge(inner, value)
        else:
            into[name] = value


def _split(text: str | None) -> list[str]:
    return text.split(PARTS) if text else []


def parts_of(texts: Iterable[str]) -> str | None:
    """Several texts as one column holds them."""
    return PARTS.join(texts) or None
