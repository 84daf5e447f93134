"""Events move from the spool into Parquet, and are found at every moment, whatever is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from tests import traffic
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import until
from tests.spool import write_segment

from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import Manifest
from stockade.store.archive.parquet import Parquet
from stockade.store.events import EventStore
from stockade.store.filter import EventFilter
from stockade.store.folder import DataFolder

INGEST = """
import sys, time
from pathlib import Path
from stockade.config.events import Events
from stockade.app.archiving import Archiving
from stockade.app.clock import wall_clock
from stockade.detect.ingest import ingest
from stockade.store.archive import writer
from stockade.store.folder import DataFolder
ingest.BATCH_US, writer.SMALL_FILES = 20_000, 3
archiving = Archiving(DataFolder(Path(sys.argv[1])), Events(), wall_clock)
print("up", flush=True)
while True:
    archiving._tidy_at = 0
    archiving.step()
"""


def test_an_event_is_found_within_two_seconds_and_after_a_restart(
    origin: Origin, gateway_factory: GatewayFactory
) -> None:
    stockade = gateway_factory(origin.url)
    folder = DataFolder(stockade.data)
    with stockade.client() as client:
        first = client.get("/items", params={"q": "1' OR '1'='1' --"}).headers["x-stockade-id"]
        until(lambda: EventStore(folder).find(first), seconds=2.0, what="the event")
        assert stockade.stop() == 0
        assert Manifest.load(folder.events).records >= 1
        stockade.start()
        found = EventStore(folder).find(first)
        assert found is not None
        assert found.raw["findings"]
        answer = stockade.admin().ask("GET", "/api/v1/events?text=or+%271%27%3D%271")
        assert [event["id"] for event in answer["events"]] == [first]


def test_others_are_told_and_metrics_count(origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path) -> None:
    stockade = gateway_factory(origin.url, run=False)
    told = tmp_path / "told.jsonl"
    api = {"upstream": origin.url}
    stockade.configure({"version": 1, "apis": {"main": api}, "outputs": {"siem": {"to": f"file:{told}"}}})
    stockade.start()
    with stockade.client() as client:
        client.get("/items")
        refused = client.get("/items", params={"q": "1' OR '1'='1' --"}).headers["x-stockade-id"]
        until(told.exists, what="the file")
    events = [json.loads(line) for line in told.read_text().splitlines()]
    assert {event["metadata"]["uid"] for event in events} == {refused}
    token = (stockade.data / "admin.token").read_text().strip()
    text = httpx.get(f"{stockade.admin_url}/metrics", headers={"authorization": f"Bearer {token}"}).text
    assert 'stockade_output_sent_total{output="siem"} 1\n' in text
    endpoints = stockade.admin().ask("GET", "/api/v1/endpoints")["endpoints"]
    assert [(one["path"], one["findings"]) for one in endpoints] == [("/items", ["shadow", "unauthenticated"])]
    assert 'stockade_requests_total{api="main",operation="",verdict="allowed",status="2xx"} 1\n' in text


def test_killed_while_it_moves_events_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    """D2: `kill -9` at random moments in the middle of batches, merges and removals."""
    chance = random.Random(7)
    ids: list[str] = []
    for round_number in range(12):
        records = list(traffic.records(200, seed=round_number, start=traffic.START + round_number * 10**6))
        write_segment(tmp_path / "spool", records, len(ids) + 1)
        ids += [record["id"] for record in records]
        process = subprocess.Popen([sys.executable, "-c", INGEST, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = [stored.raw["id"] for stored in EventStore(DataFolder(tmp_path)).query(EventFilter(), 10_000)]
        assert sorted(found) == sorted(ids)
    archive = tmp_path / "events"
    taken = [
        seq
        for file in Manifest.load(archive).of(DataClass.FACTS)
        for table in Parquet(archive).batches(file)
        for seq in table["seq"].to_pylist()
    ]
    assert len(taken) == len(set(taken))
    assert len(taken) >= 400
