from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import traffic
from tests.unit.records import EVENT

from stockade.store.archive.columns import DataClass
from stockade.store.archive.rows import facts_to_record, rows_of


def without_format_and_lists(record: dict[str, Any]) -> dict[str, Any]:
    """What facts promise to keep."""
    kept = {name: value for name, value in record.items() if name not in ("refusals", "findings")}
    kept["stages"] = [{"stage": note["stage"], "outcome": note["outcome"]} for note in record["stages"]]
    if "identity" in kept:
        kept["identity"] = {"roles": [], "scopes": [], **kept["identity"]}
    return kept


def read(*records: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]], int]:
    rows = rows_of(traffic.lines(iter(records)), 1)
    facts, evidence, notices = (rows.tables[data_class].to_pylist() for data_class in DataClass)
    return facts, evidence, notices, rows.unread


def test_facts_keep_every_field_of_a_record() -> None:
    records = list(traffic.records(300))
    facts, _, _, unread = read(*records)
    assert unread == 0
    assert [facts_to_record(row) for row in facts] == [without_format_and_lists(record) for record in records]


def test_evidence_is_the_record_of_each_exchange_that_was_not_plainly_allowed() -> None:
    records = list(traffic.records(300))
    _, evidence, _, _ = read(*records)
    assert [json.loads(row["record"]) for row in evidence] == [
        record for record in records if record["verdict"] != "allowed"
    ]


def test_a_finding_or_a_detail_alone_makes_evidence() -> None:
    plain = next(record for record in traffic.records(50) if record["verdict"] == "allowed")
    found = {**plain, "findings": [{"detector": "xss", "place": "query.q", "confidence": 0.2, "evidence": "<b>"}]}
    noted = {**plain, "stages": [{"stage": "limit", "outcome": "pass", "detail": "9 of 10"}]}
    _, evidence, _, _ = read(plain, found, noted)
    assert [row["seq"] for row in evidence] == [2, 3]


def test_reasons_and_detectors_are_found_in_their_columns() -> None:
    facts, _, _, _ = read(EVENT)
    assert facts[0]["reason"] == "access.denied"
    assert facts[0]["detectors"] == "sql_injection"
    assert facts[0]["stages"] == "decisions:pass\x1froute:pass\x1faccess:refuse"


def test_notices_stand_apart() -> None:
    notice = {"kind": "notice", "format": 1, "time": 5, "gateway": "g", "code": "bundle.refused", "detail": "bad"}
    facts, _, notices, _ = read(EVENT, notice)
    assert [row["seq"] for row in facts] == [1]
    assert notices == [{"epoch": 1, "seq": 2, "time": 5, "gateway": "g", "code": "bundle.refused", "detail": "bad"}]


def test_what_a_newer_gateway_adds_is_kept() -> None:
    newer = copy.deepcopy(EVENT)
    newer["weather"] = {"wind": 3}
    newer["client"]["fingerprint"] = "ja4"
    facts, evidence, _, _ = read(next(traffic.records(1)), newer)  # the second is refused, so its record is kept whole
    assert json.loads(facts[1]["more"]) == {"weather": {"wind": 3}, "client": {"fingerprint": "ja4"}}
    assert facts[0]["more"] is None
    assert facts_to_record(facts[1])["client"]["fingerprint"] == "ja4"
    assert json.loads(evidence[-1]["record"]) == newer


def test_a_record_with_other_types_takes_no_other_with_it() -> None:
    odd = {**EVENT, "time": "yesterday"}
    facts, _, _, unread = read(EVENT, odd, EVENT)
    assert [row["seq"] for row in facts] == [1, 3]
    assert unread == 1


@settings(max_examples=60, deadline=None)
@given(path=st.text(max_size=40), agent=st.text(max_size=40), detail=st.text(max_size=40))
def test_any_text_comes_back_as_it_was(path: str, agent: str, detail: str) -> None:
    record = copy.deepcopy(EVENT)
    record["request"] |= {"path": path, "user_agent": agent}
    record["refusals"][0]["detail"] = detail
    facts, evidence, _, _ = read(record)
    assert facts[0]["path"] == path
    assert facts[0]["user_agent"] == agent
    assert json.loads(evidence[0]["record"]) == record
