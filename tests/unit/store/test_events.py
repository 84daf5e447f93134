from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.spool import write_segment
from tests.unit.records import EVENT, an_id

from stockade.store.events import BATCH, EventStore
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder

START = 1_700_000_000_000_000


def record(number: int, **changes: Any) -> dict[str, Any]:
    return {**EVENT, "id": an_id(number), "time": START + number * 1_000_000, **changes}


@pytest.fixture
def store(tmp_path: Path) -> EventStore:
    write_segment(tmp_path / "spool", [record(number) for number in range(1, 31)])
    write_segment(tmp_path / "spool", [record(number, verdict="allowed") for number in range(31, 41)], first_seq=31)
    return EventStore(DataFolder(tmp_path))


def test_all_records_come_newest_first_over_segments(store: EventStore) -> None:
    assert [stored.seq for stored in store.backwards()] == list(range(40, 0, -1))


def test_a_query_takes_what_fits_and_no_more(store: EventStore) -> None:
    refused = list(store.query(EventFilter(verdict="refused"), 3))
    assert [stored.seq for stored in refused] == [30, 29, 28]
    since = EventFilter(since=START + 39_000_000)
    assert [stored.seq for stored in store.query(since, 100)] == [40, 39]


def test_an_exchange_is_found_by_its_id_in_any_case(store: EventStore) -> None:
    found = store.find(an_id(7).lower())
    assert found is not None
    assert found.seq == 7
    assert store.find(an_id(99)) is None
    assert store.find("") is None


def test_a_tail_gives_what_is_new(store: EventStore, tmp_path: Path) -> None:
    tail = store.follow(38)
    assert [stored.seq for stored in tail.read()] == [39, 40]
    assert tail.read() == []
    write_segment(tmp_path / "spool", [record(number) for number in range(41, 43)], first_seq=41)
    assert [stored.seq for stored in tail.read()] == [41, 42]
    assert tail.last_seq == 42


def test_records_of_another_kind_are_passed_over(tmp_path: Path) -> None:
    later = [{"kind": "dream", "time": START}] * (BATCH + 1)
    write_segment(tmp_path / "spool", [record(1), *later])
    assert [stored.seq for stored in EventStore(DataFolder(tmp_path)).backwards()] == [1]


def test_no_spool_is_no_events(tmp_path: Path) -> None:
    store = EventStore(DataFolder(tmp_path))
    assert list(store.backwards()) == []
    assert store.find(an_id(1)) is None
    assert store.follow(0).read() == []
