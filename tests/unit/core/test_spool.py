import json
import struct
from pathlib import Path

import pytest

from stockade.core import StockadeError, spool


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720, B.4), bit by bit: what the format says, not what the core does."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def segment(folder: Path, first: int, records: dict[int, object], *, run_start: bool = False) -> Path:
    out = struct.pack("<8sIIQQ", b"STKSPOOL", 1, int(run_start), first, 0)
    for seq, record in records.items():
        payload = json.dumps(record, separators=(",", ":")).encode()
        numbered = struct.pack("<Q", seq) + payload
        out += struct.pack("<II", len(payload), crc32c(numbered)) + numbered
    folder.mkdir(exist_ok=True)
    file = folder / f"{first:020}.segment"
    file.write_bytes(out)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    segment(folder, 1, {1: {"id": "01A", "text": "line\nbreak\u2028"}, 2: {"id": "01B"}}, run_start=True)
    segment(folder, 4, {4: {"id": "01D"}, 5: {"id": "01E"}})
    return folder


def test_records_are_read_oldest_first_behind_a_number(folder: Path) -> None:
    assert [entry.seq for entry in spool.read(folder)] == [1, 2, 4, 5]
    assert spool.read(folder)[0].record == {"id": "01A", "text": "line\nbreak\u2028"}
    assert [entry.seq for entry in spool.read(folder, after=2, limit=1)] == [4]


def test_records_are_read_newest_first_before_a_number(folder: Path) -> None:
    assert [entry.seq for entry in spool.read_newest(folder)] == [5, 4, 2, 1]
    assert [entry.seq for entry in spool.read_newest(folder, before=4, limit=1)] == [2]


def test_a_tail_goes_on_where_it_ended_and_tells_what_is_missing(folder: Path) -> None:
    tail = spool.Tail(folder)
    assert tail.read(1).entries[0].seq == 1
    page = tail.read()
    assert ([entry.seq for entry in page.entries], page.missing, page.damaged) == ([2, 4, 5], 1, 0)
    assert tail.read() == spool.Page([], 0, 0)
    segment(folder, 70_000, {70_000: {}}, run_start=True)
    page = tail.read()
    assert ([entry.seq for entry in page.entries], page.missing) == ([70_000], 0)


def test_a_damaged_record_costs_only_itself(folder: Path) -> None:
    file = next(iter(sorted(folder.iterdir())))
    damaged = bytearray(file.read_bytes())
    damaged[32 + 16] ^= 1
    file.write_bytes(damaged)
    page = spool.Tail(folder).read()
    assert ([entry.seq for entry in page.entries], page.damaged) == ([2, 4, 5], 1)


def test_an_exchange_is_found_by_its_id(folder: Path) -> None:
    segment(folder, 6, {6: {"kind": "exchange", "id": "01F"}})
    assert spool.find(folder, "01XX") is None
    assert spool.find(folder, "01F") == spool.Entry(6, {"kind": "exchange", "id": "01F"})


def test_a_folder_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    assert spool.read(tmp_path / "none") == []
    assert spool.read_newest(tmp_path / "none") == []
    assert spool.Tail(tmp_path / "none").read().entries == []


def test_what_cannot_be_read_is_an_error_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    with pytest.raises(StockadeError, match=r"spool\.unreadable"):
        spool.read(tmp_path / "spool")
