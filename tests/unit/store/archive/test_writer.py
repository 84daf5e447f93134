from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests import traffic

from stockade.core.errors import StockadeError
from stockade.store.archive.columns import DataClass
from stockade.store.archive.manifest import Manifest
from stockade.store.archive.parquet import Parquet
from stockade.store.archive.rows import rows_of
from stockade.store.archive.writer import GRACE_US, HOUR_US, ArchiveWriter, Batch, Keep

NOW = traffic.START + 10 * HOUR_US
SIZE = 20


class KilledError(BaseException):
    """Stands for `kill -9`: nothing may catch it and mend."""


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[ArchiveWriter]:
    opened = ArchiveWriter(tmp_path / "events")
    yield opened
    opened.close()


def batch(number: int, *, epoch: int = 1, rate: float = 1000.0) -> Batch:
    first = (number - 1) * SIZE + 1
    found = traffic.records(SIZE, seed=number, start=traffic.START + first * 1000, rate=rate)
    rows = rows_of(traffic.lines(found, first), epoch)
    return Batch(epoch, number * SIZE, rows.tables, SIZE)


def numbers(folder: Path, key: bytes | None = None) -> list[int]:
    opened = Parquet(folder, key)
    files = Manifest.load(folder).of(DataClass.FACTS)
    return sorted(seq for file in files for table in opened.batches(file) for seq in table["seq"].to_pylist())


def on_disk(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.p*")}


def test_a_batch_is_taken_once_however_often_it_comes(archive: ArchiveWriter, tmp_path: Path) -> None:
    for number in (1, 1, 2, 1, 2):
        archive.commit(batch(number))
    assert numbers(tmp_path / "events") == list(range(1, 2 * SIZE + 1))
    assert Manifest.load(tmp_path / "events").through == 2 * SIZE


def test_records_stand_in_the_folder_of_their_hour(archive: ArchiveWriter, tmp_path: Path) -> None:
    archive.commit(batch(1, rate=0.001))
    for file in Manifest.load(tmp_path / "events").of(DataClass.FACTS):
        assert file.oldest // HOUR_US == file.newest // HOUR_US
        assert file.path.startswith("facts/date=2026-09-2")
    assert numbers(tmp_path / "events") == list(range(1, SIZE + 1))


def test_small_files_of_an_hour_become_one_and_nothing_is_lost(archive: ArchiveWriter, tmp_path: Path) -> None:
    for number in range(1, 6):
        archive.commit(batch(number))
    folder = tmp_path / "events"
    while archive.compact(NOW):
        pass
    assert len(Manifest.load(folder).of(DataClass.FACTS)) == 1
    assert numbers(folder) == list(range(1, 5 * SIZE + 1))
    archive.sweep(NOW + GRACE_US)
    assert on_disk(folder) == {file.path for file in Manifest.load(folder).files}


def test_an_hour_that_goes_on_is_merged_only_when_it_has_many_files(archive: ArchiveWriter) -> None:
    for number in range(1, 16):
        archive.commit(batch(number))
    assert not archive.compact(traffic.START)
    archive.commit(batch(16))
    assert archive.compact(traffic.START)


def test_each_class_is_kept_for_its_own_time_and_size(archive: ArchiveWriter, tmp_path: Path) -> None:
    for number in range(1, 4):
        archive.commit(batch(number, rate=0.01))
    folder = tmp_path / "events"
    before = Manifest.load(folder)
    facts = before.of(DataClass.FACTS)
    youngest = max(file.newest for file in before.files)
    archive.retain({DataClass.EVIDENCE: Keep(0, 1 << 30)}, youngest + 1)
    assert Manifest.load(folder).of(DataClass.EVIDENCE) == []
    assert Manifest.load(folder).of(DataClass.FACTS) == facts
    archive.retain({DataClass.FACTS: Keep(1 << 60, facts[-1].bytes)}, youngest)
    assert Manifest.load(folder).of(DataClass.FACTS) == facts[-1:]


def test_a_file_that_no_longer_counts_stays_for_those_who_read_it(archive: ArchiveWriter, tmp_path: Path) -> None:
    archive.commit(batch(1))
    path = tmp_path / "events" / Manifest.load(tmp_path / "events").of(DataClass.FACTS)[0].path
    archive.retain({DataClass.FACTS: Keep(0, 0)}, NOW)
    archive.sweep(NOW + GRACE_US - 1)
    assert path.exists()
    archive.sweep(NOW + GRACE_US)
    assert not path.exists()


def test_files_of_an_older_version_are_merged_with_those_of_now(archive: ArchiveWriter, tmp_path: Path) -> None:
    for number in (1, 2):
        archive.commit(batch(number))
    folder = tmp_path / "events"
    old = folder / Manifest.load(folder).of(DataClass.FACTS)[0].path
    pq.write_table(pq.read_table(old, partitioning=None).drop_columns(["more", "session"]), old)
    while archive.compact(NOW):
        pass
    assert numbers(folder) == list(range(1, 2 * SIZE + 1))


def test_two_processes_do_not_write_one_archive(archive: ArchiveWriter, tmp_path: Path) -> None:
    with pytest.raises(StockadeError, match="another process"):
        ArchiveWriter(tmp_path / "events")


def test_a_manifest_that_cannot_be_read_is_said_and_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StockadeError, match="manifest"):
        ArchiveWriter(tmp_path)
    assert (tmp_path / "manifest.json").read_text() == "{"


def test_encrypted_files_are_read_with_the_key_alone(tmp_path: Path) -> None:
    key = b"0123456789abcdef0123456789abcdef"
    opened = ArchiveWriter(tmp_path, key, encrypt=True)
    for number in (1, 2):
        opened.commit(batch(number))
    assert opened.compact(NOW)
    opened.close()
    assert numbers(tmp_path, key) == list(range(1, 2 * SIZE + 1))
    for file in Manifest.load(tmp_path).files:
        assert b"shop" not in (tmp_path / file.path).read_bytes()
        with pytest.raises(OSError, match=r"encrypted|decrypt"):
            pq.read_table(tmp_path / file.path)
    dataset = Parquet(tmp_path, key).dataset(Manifest.load(tmp_path).of(DataClass.FACTS))
    assert dataset.count_rows() == 2 * SIZE


def test_a_full_disk_leaves_what_was_there(
    archive: ArchiveWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.commit(batch(1))

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            archive.commit(batch(2))
    folder = tmp_path / "events"
    assert numbers(folder) == list(range(1, SIZE + 1))
    archive.commit(batch(2))
    assert numbers(folder) == list(range(1, 2 * SIZE + 1))


STEPS = ((os, "fsync"), (Path, "replace"), (Path, "unlink"), (Path, "rmdir"), (Path, "mkdir"))


@pytest.mark.parametrize("step", range(90))
def test_killed_at_any_step_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    folder = tmp_path / "events"
    counter = itertools.count()

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if next(counter) >= step:
                raise KilledError
            return original(*arguments, **named)

        return call

    with monkeypatch.context() as patched:
        for owner, name in STEPS:
            patched.setattr(owner, name, dying(getattr(owner, name)))
        lock = None
        try:
            opened = ArchiveWriter(folder)
            lock = opened._lock
            for number in range(1, 4):
                opened.commit(batch(number))
            opened.compact(NOW)
            opened.retain({DataClass.EVIDENCE: Keep(0, 0)}, NOW)
            opened.sweep(NOW + GRACE_US)
        except KilledError:
            pass
    if lock is not None:
        os.close(lock)
    again = ArchiveWriter(folder)
    assert numbers(folder) == list(range(1, again.manifest.through + 1))
    for number in range(1, 4):
        again.commit(batch(number))
    while again.compact(NOW):
        pass
    again.sweep(NOW + 2 * GRACE_US)
    assert numbers(folder) == list(range(1, 3 * SIZE + 1))
    assert on_disk(folder) == {file.path for file in again.manifest.files}
    again.close()
