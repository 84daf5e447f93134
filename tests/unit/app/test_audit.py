"""Whatever is done to the audit log is found out: by its chain, or by checkpoints that were kept elsewhere."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from tests.unit.app.admin.states import Clock

from stockade.app.audit import Audit, verify
from stockade.core.errors import StockadeError
from stockade.store.audit import AuditLog
from stockade.store.folder import DataFolder


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    (tmp_path / "data").mkdir()
    made = Audit(DataFolder(tmp_path / "data"), Clock(), tmp_path / "elsewhere")
    for number in range(10):
        made.note("ann", "decision.take", f"subject {number}", "why")
    made.checkpoint(due=False)
    return made


def found(folder: Path) -> list[str]:
    data = folder / "data"
    return list(verify(data, None, folder / "elsewhere", data / "keys" / "audit.pub"))


def test_a_whole_log_is_whole(audit: Audit, tmp_path: Path) -> None:
    assert found(tmp_path) == []
    audit.note("ann", "decision.undo", "subject 3")
    assert found(tmp_path) == []


@pytest.mark.parametrize("change", ["mutate", "delete", "reorder", "truncate", "rebuild"])
def test_every_way_to_change_the_log_is_found_out(audit: Audit, tmp_path: Path, change: str) -> None:
    file = tmp_path / "data" / "audit.log"
    lines = file.read_text().splitlines(keepends=True)
    match change:
        case "mutate":
            lines[4] = lines[4].replace("subject 4", "subject 5")
        case "delete":
            del lines[4]
        case "reorder":
            lines[4], lines[5] = lines[5], lines[4]
        case "truncate":
            lines = lines[:7]
    file.write_text("".join(lines))
    if change == "rebuild":
        file.unlink()
        for number in range(10):
            AuditLog(file).append(number, "ann", "decision.take", f"subject {number}", "another reason")
    assert found(tmp_path)


def test_a_chain_alone_misses_a_cut_end(audit: Audit, tmp_path: Path) -> None:
    file = tmp_path / "data" / "audit.log"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:7]))
    (tmp_path / "data" / "audit.checkpoints").unlink()
    assert list(verify(tmp_path / "data", None, None, None)) == []


def test_a_checkpoint_of_another_key_counts_for_nothing(audit: Audit, tmp_path: Path) -> None:
    told = json.loads((tmp_path / "elsewhere").read_text())
    (tmp_path / "elsewhere").write_text(json.dumps({**told, "signature": "00" * 64}))
    assert "signed by this key" in found(tmp_path)[0]


def test_checkpoints_are_signed_when_there_is_something_new(audit: Audit) -> None:
    assert audit.checkpoint(due=False) is None
    audit.note("ann", "decision.take", "another")
    assert audit.checkpoint() is None
    made = audit.checkpoint(due=False)
    assert made is not None
    assert made.seq == 11


def test_the_newest_lines_come_first_across_blocks(tmp_path: Path) -> None:
    audit = Audit(DataFolder(tmp_path), Clock())
    for number in range(300):
        audit.note("ann", "decision.take", f"subject {number}", "x" * 900)
    assert [record.seq for record in audit.newest(250)] == list(range(300, 50, -1))
    assert [record.seq for record in audit.newest(5, before=100)] == [99, 98, 97, 96, 95]
    with (tmp_path / "audit.log").open("ab") as log:
        log.write(b'{"cut short')
    assert audit.newest(1)[0].seq == 300


def test_writers_at_once_leave_no_gap(tmp_path: Path) -> None:
    audit = Audit(DataFolder(tmp_path), Clock())

    def write(name: str) -> None:
        for number in range(50):
            audit.note(name, "decision.take", str(number))

    threads = [threading.Thread(target=write, args=(f"writer-{number}",)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [record.seq for record in AuditLog(tmp_path / "audit.log").read()] == list(range(1, 801))


def test_what_cannot_be_written_down_must_not_be_done(tmp_path: Path) -> None:
    (tmp_path / "audit.log").mkdir()
    with pytest.raises(StockadeError, match=r"audit\.unwritable"):
        Audit(DataFolder(tmp_path), Clock()).note("ann", "decision.take", "subject")
