from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests import traffic
from tests.spool import write_segment

from stockade.core import spool
from stockade.detect.ingest.ingest import BATCH_US, RETRY_US, Ingest, Taken
from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import Manifest
from stockade.store.archive.parquet import Parquet
from stockade.store.archive.writer import ArchiveWriter

NOW = traffic.START


class Heard:
    def __init__(self) -> None:
        self.ids: list[str] = []

    def take(self, taken: Taken) -> None:
        self.ids += taken.tables[DataClass.FACTS]["id"].to_pylist()


def fill(folder: Path, count: int, first_seq: int = 1, seed: int = 1) -> list[str]:
    found = list(traffic.records(count, seed=seed))
    write_segment(folder / "spool", found, first_seq)
    return [record["id"] for record in found]


def taken(folder: Path) -> list[str]:
    archive = folder / "events"
    files = sorted(Manifest.load(archive).of(DataClass.FACTS), key=lambda file: (file.epoch, file.first))
    return [found for file in files for table in Parquet(archive).batches(file) for found in table["id"].to_pylist()]


def run(folder: Path, *observers: Any) -> Ingest:
    writer = ArchiveWriter(folder / "events")
    ingest = Ingest(folder / "spool", writer, observers)
    while ingest.step(NOW):
        pass
    ingest.flush(NOW)
    writer.close()
    return ingest


def test_everything_in_the_spool_is_in_the_archive_once(tmp_path: Path) -> None:
    ids = fill(tmp_path, 100) + fill(tmp_path, 50, 101, seed=2)
    heard = Heard()
    run(tmp_path, heard)
    run(tmp_path)
    assert taken(tmp_path) == ids == heard.ids


def test_segments_go_once_the_archive_has_them_but_the_newest_stays(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    fill(tmp_path, 10, 11)
    run(tmp_path)
    assert [segment.first for segment in spool.segments(tmp_path / "spool")] == [11]


def test_a_batch_waits_for_its_age(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    ingest = Ingest(tmp_path / "spool", ArchiveWriter(tmp_path / "events"))
    assert ingest.step(NOW) == 10
    assert ingest.waiting == 10
    ingest.step(NOW + BATCH_US)
    assert ingest.waiting == 0
    assert len(taken(tmp_path)) == 10


def test_gaps_and_damage_are_counted(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    fill(tmp_path, 10, 21)
    run(tmp_path)
    assert Manifest.load(tmp_path / "events").missing == 10


def test_a_spool_that_began_anew_is_taken_as_new(tmp_path: Path) -> None:
    ids = fill(tmp_path, 100)
    run(tmp_path)
    for segment in spool.segments(tmp_path / "spool"):
        segment.path.unlink()
    more = fill(tmp_path, 50, 2, seed=2)
    run(tmp_path)
    assert taken(tmp_path) == ids + more
    assert Manifest.load(tmp_path / "events").epoch == 2


def test_a_spool_that_lost_its_end_is_still_the_same(tmp_path: Path) -> None:
    ids = fill(tmp_path, 100)
    run(tmp_path)
    fill(tmp_path, 60)
    run(tmp_path)
    assert taken(tmp_path) == ids


def test_a_full_disk_holds_the_spool_and_goes_on_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill(tmp_path, 10) + fill(tmp_path, 10, 11, seed=2)
    writer = ArchiveWriter(tmp_path / "events")
    ingest = Ingest(tmp_path / "spool", writer)
    ingest.step(NOW)

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(writer, "commit", full)
        assert not ingest.flush(NOW)
    assert "No space" in str(ingest.problem)
    assert len(spool.segments(tmp_path / "spool")) == 2
    ingest.step(NOW + max(RETRY_US, BATCH_US))
    assert ingest.problem is None
    assert taken(tmp_path) == ids


def test_an_observer_that_fails_stops_nothing(tmp_path: Path) -> None:
    class Broken:
        def take(self, _: Taken) -> None:
            raise RuntimeError("no")

    ids = fill(tmp_path, 10)
    heard = Heard()
    run(tmp_path, Broken(), heard)
    assert taken(tmp_path) == ids == heard.ids


@pytest.mark.parametrize("place", range(40, 5000, 97))
def test_a_flipped_bit_costs_that_record_alone(tmp_path: Path, place: int) -> None:
    ids = fill(tmp_path, 10)
    fill(tmp_path, 1, 11, seed=3)
    segment = spool.segments(tmp_path / "spool")[0].path
    content = bytearray(segment.read_bytes())
    content[place] ^= 1 << random.Random(place).randrange(8)
    segment.write_bytes(content)
    run(tmp_path)
    kept = [found for found in taken(tmp_path) if found in ids]
    manifest = Manifest.load(tmp_path / "events")
    assert len(kept) == 9
    assert [found for found in ids if found in kept] == kept
    assert (manifest.missing, manifest.damaged >= 1) == (1, True)


def test_lines_of_the_spool_are_what_records_are(tmp_path: Path) -> None:
    fill(tmp_path, 5)
    lines = spool.Tail(tmp_path / "spool").read_lines()
    assert lines.last == 5
    assert [json.loads(line)["seq"] for line in lines.content.splitlines()] == [1, 2, 3, 4, 5]
