"""Events move from the spool into Parquet, and are found at every moment, whatever is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

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
