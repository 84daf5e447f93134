from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests import traffic
from tests.spool import write_segment

from stockade.core.errors import StockadeError
from stockade.model.event import Event, record_from_json
from stockade.store.archive.rows import rows_of
from stockade.store.archive.writer import HOUR_US, ArchiveWriter, Batch
from stockade.store.events import EventStore
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder
from stockade.store.queries.database import Caps, EventDatabase
from stockade.store.queries.exchanges import Exchanges, time_of
from stockade.store.queries.query import NamedQuery
from stockade.store.queries.tables import FACTS

RECORDS = list(traffic.records(600, rate=0.1))
NOTICE = {
    "kind": "notice",
    "format": 1,
    "time": RECORDS[-1]["time"] + 1,
    "gateway": "gateway-1",
    "code": "bundle.refused",
    "detail": "bad signature",
}


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """Most records in the archive, some in both, the newest in the spool alone."""
    writer = ArchiveWriter(tmp_path / "events")
    writer.commit(Batch(1, 300, rows_of(traffic.lines(iter(RECORDS[:300])), 1).tables, 300))
    writer.commit(Batch(1, 500, rows_of(traffic.lines(iter(RECORDS[300:500]), 301), 1).tables, 200))
    writer.close()
    write_segment(tmp_path / "spool", [*RECORDS[400:], NOTICE], 401)
    return DataFolder(tmp_path)


@pytest.fixture
def store(folder: DataFolder) -> EventStore:
    return EventStore(folder)


def raws(store: EventStore, wanted: EventFilter, limit: int = 1000) -> list[Any]:
    return [dict(stored.raw) for stored in store.query(wanted, limit)]


def test_every_record_comes_once_and_whole_newest_first(store: EventStore) -> None:
    found = raws(store, EventFilter())
    assert found[0] == NOTICE
    assert found[1:] == RECORDS[::-1]


def test_pages_follow_each_other_without_gap(store: EventStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stockade.store.queries.exchanges.ROWS_MOST", 7)
    assert (
        raws(store, EventFilter(verdict="allowed"), 100)
        == [record for record in RECORDS[::-1] if record["verdict"] == "allowed"][:100]
    )


FILTERS = [
    EventFilter(verdict="refused"),
    EventFilter(status=404),
    EventFilter(status=403, operation="search"),
    EventFilter(api="shop", operation="getOrder"),
    EventFilter(api="other"),
    EventFilter(actor=RECORDS[3]["actor"]),
    EventFilter(actor=RECORDS[3]["actor"].partition(":")[2]),
    EventFilter(path="/orders/"),
    EventFilter(reason="inspect"),
    EventFilter(reason="inspect.xss"),
    EventFilter(reason="inspect.x"),
    EventFilter(method="POST"),
    EventFilter(address=RECORDS[7]["client"]["address"]),
    EventFilter(detector="sql_injection"),
    EventFilter(detector="sql"),
    EventFilter(object=RECORDS[0]["request"]["path"].rpartition("/")[2]),
    EventFilter(object="5"),
    EventFilter(since=RECORDS[100]["time"], until=RECORDS[450]["time"]),
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_a_search_means_the_same_in_memory_and_in_the_archive(store: EventStore, wanted: EventFilter) -> None:
    expected = [record for record in RECORDS[::-1] if wanted.fits(record_from_json(record))]
    assert [raw for raw in raws(store, wanted) if raw["kind"] == "exchange"] == expected


def test_text_is_found_anywhere_in_the_evidence_in_any_case(store: EventStore) -> None:
    expected = [record for record in RECORDS[::-1] if "TAUTOLOGY".lower() in json.dumps(record)]
    assert expected
    assert raws(store, EventFilter(text="TAUTology")) == expected
    assert raws(store, EventFilter(text="100%_'; drop table facts; --")) == []


@pytest.mark.parametrize("place", [0, 299, 300, 450, 599])
def test_an_exchange_is_found_by_its_id_wherever_it_lies(store: EventStore, place: int) -> None:
    found = store.find(RECORDS[place]["id"].lower())
    assert found is not None
    assert isinstance(found.record, Event)
    assert dict(found.raw) == RECORDS[place]


def test_no_id_finds_nothing(store: EventStore) -> None:
    assert store.find("no-id") is None
    assert store.find("0" * 26) is None
    assert time_of(RECORDS[0]["id"]) == RECORDS[0]["time"] // 1000 * 1000


def test_a_query_that_would_read_too_much_says_what_to_narrow(folder: DataFolder) -> None:
    database = EventDatabase(folder.events, folder.spool, caps=Caps(rows=400))
    with pytest.raises(StockadeError, match="would read 500 events") as raised:
        database.ask("verdicts")
    assert "since" in str(raised.value.hint)
    since = RECORDS[0]["time"] // HOUR_US * HOUR_US + HOUR_US
    assert database.ask("verdicts", {"since": since}).rows


def test_a_query_that_takes_too_long_is_ended(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = sa.select(sa.func.count()).select_from(sa.func.generate_series(1, 10**15), FACTS)
    query = NamedQuery("endless", "Never ends.", (), lambda _: endless)
    monkeypatch.setattr("stockade.store.queries.database.named", lambda _: query)
    with pytest.raises(StockadeError, match="longer than"):
        EventDatabase(folder.events, folder.spool, caps=Caps(seconds=0.2)).ask("endless")


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("nothing", {}, "expected one of"),
        ("verdicts", {"colour": "red"}, "expected some of since"),
        ("verdicts", {"since": "yesterday"}, "a whole number"),
        ("search", {"verdict": "maybe"}, "expected one of allowed"),
        ("search", {"limit": 0}, "a number from 1"),
        ("pivot", {}, "expected a value as `value`"),
        ("search", {"text": "x" * 1001}, "at most 1000"),
        ("search", {"text": "\0"}, "without NUL"),
    ],
)
def test_wrong_questions_are_told_what_was_expected(
    folder: DataFolder, name: str, given: dict[str, Any], expected: str
) -> None:
    with pytest.raises(StockadeError, match=expected):
        EventDatabase(folder.events, folder.spool).ask(name, given)


@pytest.fixture
def growing(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def test_records_come_once_while_they_move_into_the_archive(growing: DataFolder) -> None:
    write_segment(growing.spool, RECORDS[:500])
    writer = ArchiveWriter(growing.events)
    database = EventDatabase(growing.events, growing.spool)
    counts: list[int] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            counts.append(sum(row[1] for row in database.ask("verdicts").rows))

    asker = threading.Thread(target=ask)
    asker.start()
    for through in range(20, 501, 20):
        rows = rows_of(traffic.lines(iter(RECORDS[through - 20 : through]), through - 19), 1)
        writer.commit(Batch(1, through, rows.tables, 20))
        writer.compact(RECORDS[-1]["time"] + 10 * HOUR_US)
        writer.sweep(RECORDS[-1]["time"] + 10 * HOUR_US)
        time.sleep(0.005)
    done.set()
    asker.join()
    assert counts
    assert set(counts) == {500}


def test_a_long_spool_is_read_with_bounded_memory(growing: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stockade.store.archive.hot.MEMORY_ROWS", 50)
    for place in range(0, 600, 100):
        write_segment(growing.spool, RECORDS[place : place + 100], place + 1)
    exchanges = Exchanges.of(growing)
    monkeypatch.setattr("stockade.core.spool.PAGE_RECORDS_MAX", 40)
    assert [entry.seq for entry in exchanges.query(EventFilter(), 1000)] == list(range(600, 0, -1))
    writer = ArchiveWriter(growing.events)
    writer.commit(Batch(1, 130, rows_of(traffic.lines(iter(RECORDS[:130])), 1).tables, 130))
    assert [entry.seq for entry in exchanges.query(EventFilter(), 1000)] == list(range(600, 0, -1))


def test_what_waits_in_temporary_files_is_encrypted_where_the_archive_is(
    growing: DataFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("stockade.store.archive.hot.MEMORY_ROWS", 50)
    monkeypatch.setattr("stockade.core.spool.PAGE_RECORDS_MAX", 40)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    write_segment(growing.spool, RECORDS[:200])

    def spilled(key: bytes | None) -> bytes:
        database = EventDatabase(growing.events, growing.spool, key)
        assert sum(row[1] for row in database.ask("verdicts").rows) == 200
        content = b"".join(path.read_bytes() for path in tmp_path.glob("stockade-events-*/*.parquet"))
        database.close()
        return content

    clear, secret = spilled(None), spilled(b"k" * 32)
    assert clear.count(b"PAR1") > 0
    assert RECORDS[0]["gateway"].encode() in clear
    assert secret.count(b"PARE") > 0
    assert RECORDS[0]["gateway"].encode() not in secret
