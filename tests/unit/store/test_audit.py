"""The audit log chains its lines, and whoever changes one is found out."""

import json
import multiprocessing
from pathlib import Path

import pytest

from stockade.core.errors import StockadeError
from stockade.store.audit import FIRST, AuditLog


def append(file: Path, count: int) -> None:
    log = AuditLog(file)
    for number in range(count):
        log.append(number, "alice", "vault.get", f"entry-{number}", "why")


def test_lines_follow_one_another(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    append(file, 3)
    records = list(AuditLog(file).read())
    assert [record.seq for record in records] == [1, 2, 3]
    assert [record.previous for record in records] == [FIRST, records[0].hash, records[1].hash]
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["edit", "take_out", "swap", "rubbish"])
def test_a_changed_log_is_found_out(tmp_path: Path, change: str) -> None:
    file = tmp_path / "audit.log"
    append(file, 4)
    lines = file.read_text().splitlines(keepends=True)
    match change:
        case "edit":
            told = json.loads(lines[1])
            told["reason"] = "another"
            lines[1] = json.dumps(told) + "\n"
        case "take_out":
            del lines[1]
        case "swap":
            lines[1], lines[2] = lines[2], lines[1]
        case _:
            lines[1] = "rubbish\n"
    file.write_text("".join(lines))
    with pytest.raises(StockadeError, match="whole chain"):
        list(AuditLog(file).read())


def test_a_line_cut_short_by_a_crash_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    append(file, 2)
    whole = file.read_bytes()
    for length in (1, 50, 200):
        file.write_bytes(whole + whole[:length].rstrip(b"\n"))
        AuditLog(file).append(9, "alice", "vault.get", "x")
        assert [record.seq for record in AuditLog(file).read()] == [1, 2, 3]


def test_nothing_is_appended_to_rubbish(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    file.write_text("rubbish\n")
    with pytest.raises(StockadeError):
        append(file, 1)
    assert file.read_text() == "rubbish\n"


def test_several_processes_make_one_chain(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=append, args=(file, 20)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [record.seq for record in AuditLog(file).read()] == list(range(1, 61))
