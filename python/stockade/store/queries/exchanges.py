"""Recorded exchanges and notices as records again, from the archive and the newest seconds behind it."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any, Self

from stockade.core.spool import Entry
from stockade.store.archive.key import read_key
from stockade.store.archive.rows import facts_to_record
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder
from stockade.store.queries.database import EventDatabase
from stockade.store.queries.query import ROWS_MOST

LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, in which ids are written."""

SLACK_US = 600_000_000
"""How far the time in an id may differ from the time of its event, microseconds."""

EVIDENCE_AT_ONCE = 30
"""Exchanges whose evidence one question asks for."""


class Exchanges:
    """Reads records of one data folder.

    Args:
        database: what is asked.
    """

    def __init__(self, database: EventDatabase) -> None:
        self.database = database

    @classmethod
    def of(cls, folder: DataFolder) -> Self:
        """The records of a data folder.

        Raises:
            StockadeError: the key of the archive cannot be read.
        """
        return cls(EventDatabase(folder.events, folder.spool, read_key(folder.events_key)))

    def query(self, wanted: EventFilter, limit: int) -> Iterator[Entry]:
        """The newest records that fit, newest first.

        Raises:
            StockadeError: they cannot be read, or that would read too much.
        """
        given = {name: value for name, value in asdict(wanted).items() if value is not None}
        found = self._whole(self._pages("search", given, limit))
        if not wanted.asks_for_exchanges:
            notices = map(_notice, self._pages("newest_notices", given, limit))
            found = heapq.merge(found, notices, key=lambda entry: -int(entry.record["time"]))
        yield from islice(found, limit)

    def find(self, exchange_id: str) -> Entry | None:
        """The exchange with this id; None when there is none, or the id is no id.

        Raises:
            StockadeError: the archive cannot be read.
        """
        time = time_of(exchange_id)
        if time is None:
            return None
        window = {"since": max(0, time - SLACK_US), "until": time + SLACK_US}
        rows = self.database.ask("exchange", {"id": exchange_id, **window}).dicts()
        return next(self._whole(iter(rows)), None)

    def _pages(self, query: str, given: Mapping[str, Any], limit: int) -> Iterator[Mapping[str, Any]]:
        """Rows, newest first, asked for in pages as they are taken."""
        until, seen = given.get("until"), set[tuple[int, int]]()
        while limit > 0:
            size = min(limit + len(seen), ROWS_MOST)
            rows = self.database.ask(query, {**given, "until": until, "limit": size}).dicts()
            fresh = [row for row in rows if (row["epoch"], row["seq"]) not in seen]
            yield from fresh
            limit -= len(fresh)
            if len(rows) < size or not fresh:
                return
            # The next page begins in the microsecond in which this one ended.
            last = rows[-1]["time"]
            until = last + 1
            seen = {(row["epoch"], row["seq"]) for row in rows if row["time"] == last}

    def _whole(self, rows: Iterator[Mapping[str, Any]]) -> Iterator[Entry]:
        while part := list(islice(rows, EVIDENCE_AT_ONCE)):
            records = self._evidence([row for row in part if row["evidence"]])
            for row in part:
                record = records.get(row["id"])
                yield Entry(row["seq"], record if record is not None else facts_to_record(row))

    def _evidence(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        if not rows:
            return {}
        times = [row["time"] for row in rows]
        given = {"ids": ",".join(row["id"] for row in rows), "since": min(times), "until": max(times) + 1}
        return {found: json.loads(record) for found, record in self.database.ask("evidence", given).rows}


def time_of(exchange_id: str) -> int | None:
    """When an id was made, microseconds since the epoch: its first ten letters are milliseconds. None for no id."""
    if len(exchange_id) != 26 or not set(exchange_id).issubset(LETTERS):
        return None
    number = 0
    for letter in exchange_id[:10]:
        number = number * 32 + LETTERS.index(letter)
    return number * 1000


def _notice(row: Mapping[str, Any]) -> Entry:
    members = ("time", "gateway", "code", "detail")
    return Entry(row["seq"], {"kind": "notice", "format": 1, **{name: row[name] for name in members}})
