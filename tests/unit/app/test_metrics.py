from __future__ import annotations

import json
import re
from pathlib import Path

from tests import traffic

from stockade.app import metrics
from stockade.app.outputs import metrics_of
from stockade.detect.ingest.ingest import Taken
from stockade.detect.ingest.red import BOUNDS_US, Red
from stockade.detect.outputs.output import Output
from stockade.store.archive.rows import rows_of
from stockade.store.recent import Tally

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana" / "stockade.json"
NAME = re.compile(r"stockade_[a-z_]+")


class Nowhere:
    def send(self, batch: object, number: int) -> None: ...

    def close(self) -> None: ...


def counted(records: list[dict[str, object]]) -> Red:
    red = Red()
    lines = traffic.lines(iter(records))
    red.take(Taken(lines, rows_of(lines, 1).tables, 0))
    return red


def text_of(red: Red) -> str:
    tally = Tally()
    tally.reasons["access.denied"] = 1
    output = Output("siem", Nowhere(), "all")
    status: dict[str, object] = {"bundle": 1, "spool": {"dropped": 0, "bytes": 1}, "counters": {"exchanges": 3}}
    status["stages"] = {"measured": 2, "ns": {"inspect": 5_000, "route": 1_500}}
    archive = {"records": 1, "missing": 0, "waiting": 2, "facts_bytes": 1, "evidence_bytes": 1, "notices_bytes": 1}
    text = metrics.render(status, tally, 0, True, archive, [*red.lines(), *metrics_of([output])])
    output.close()
    return text


def test_operations_are_counted_by_verdict_status_and_duration() -> None:
    records = list(traffic.records(500))
    text = text_of(counted(records))
    orders = [record for record in records if record["operation"] == "listOrders"]
    slow = sum(record["timing"]["total_us"] > BOUNDS_US[0] for record in orders)
    labels = 'api="shop",operation="listOrders"'
    assert f'stockade_request_duration_seconds_bucket{{{labels},le="0.001"}} {len(orders) - slow}\n' in text
    assert f'stockade_request_duration_seconds_bucket{{{labels},le="+Inf"}} {len(orders)}\n' in text
    assert f"stockade_request_duration_seconds_count{{{labels}}} {len(orders)}\n" in text
    good = sum(record["response"]["status"] == 200 for record in orders)
    assert f'stockade_requests_total{{{labels},verdict="allowed",status="2xx"}} {good}\n' in text
    assert 'stockade_stage_outcomes_total{stage="inspect",outcome="pass"} 500\n' in text
    found = sum("findings" in record for record in records)
    assert (
        sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith("stockade_detections_total{"))
        == found
    )


def test_stages_tell_what_they_add() -> None:
    text = text_of(counted(list(traffic.records(5))))
    assert "stockade_stage_measured_exchanges_total 2\n" in text
    assert 'stockade_stage_seconds_total{stage="inspect"} 5e-06\n' in text


def test_series_are_bounded(monkeypatch: object) -> None:
    import stockade.detect.ingest.red as module

    before, module.SERIES = module.SERIES, 3
    try:
        records = [{**record, "operation": f"o{number}"} for number, record in enumerate(traffic.records(50))]
        text = text_of(counted(records))
    finally:
        module.SERIES = before
    assert 'operation="other"' in text
    assert len(re.findall(r"stockade_request_duration_seconds_count", text)) <= 5


def test_the_dashboard_shows_only_what_there_is() -> None:
    text = text_of(counted(list(traffic.records(100))))
    there = set(NAME.findall("\n".join(line for line in text.splitlines() if not line.startswith("#"))))
    panels = json.loads(DASHBOARD.read_text())["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in NAME.findall(target["expr"])}
    assert asked
    assert asked <= there, asked - there
