from __future__ import annotations

from tests.unit.records import EVENT, a_record, an_id

from stockade.store.events import Stored
from stockade.store.filter import EventFilter
from stockade.store.recent import REASONS_COUNTED, RecentEvents


def test_the_newest_come_first() -> None:
    recent = RecentEvents()
    recent.add([a_record(seq) for seq in (1, 2, 3)])
    assert [stored.seq for stored in recent.newest(EventFilter(), 2)] == [3, 2]


def test_the_oldest_gives_way_and_is_forgotten_by_id() -> None:
    recent = RecentEvents(capacity=2)
    recent.add([a_record(seq) for seq in (1, 2, 3)])
    assert recent.is_full()
    assert recent.find(an_id(1)) is None
    found = recent.find(an_id(3))
    assert found is not None
    assert found.seq == 3


def test_what_was_there_before_is_kept_but_not_counted() -> None:
    recent = RecentEvents()
    recent.add([a_record(1)], count=False)
    recent.add([a_record(2)])
    assert recent.tally().verdicts == {"refused": 1}
    assert recent.tally().apis == {("shop", "refused"): 1}
    assert len(recent.exchanges()) == 2


def test_reasons_counted_are_bounded() -> None:
    recent = RecentEvents()
    refusal = EVENT["refusals"][0]
    records: list[Stored] = [
        a_record(seq, refusals=[{**refusal, "reason": f"access.r{seq}"}]) for seq in range(REASONS_COUNTED + 10)
    ]
    recent.add(records)
    reasons = recent.tally().reasons
    assert len(reasons) == REASONS_COUNTED + 1
    assert reasons["other"] == 10
