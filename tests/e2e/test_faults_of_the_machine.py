"""The ledger under a power cut and under clocks that jump: what was recorded is counted against what was answered."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until

from stockade.core import spool
from stockade.store.archive.manifest import Manifest
from stockade.store.folder import DataFolder

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def kill_all(stockade: Stockade) -> None:
    """End every process at once, as a power cut does."""
    pids = [stockade.gateway_pid(), stockade.control_pid()]
    stockade.kill_supervisor()
    for pid in pids:
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: not _lives(pid), 30, what="the end")  # type: ignore[misc]
    stockade.process = None


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def ask(stockade: Stockade, count: int) -> list[str]:
    """Ids of answered requests, in order."""
    with stockade.client() as client:
        return [client.get("/items").headers["x-stockade-id"] for _ in range(count)]


def recorded(stockade: Stockade) -> list[str]:
    """Ids of recorded exchanges, oldest first, each as often as it is there."""
    return [event.id for event in reversed(stockade.exchanges())]


def synced(segment: Path) -> int:
    """How much of a segment the disk has."""
    note = segment.with_name(f"{segment.name}.synced")
    return int(note.read_text()) if note.exists() else 0


@pytest.fixture
def forgetful_disk(tmp_path: Path) -> Path:
    """The library that notes what was synced."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "forgetful_disk.so"
    source = Path(__file__).with_name("forgetful_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("left", ["cut", "zeros", "part"])
def test_a_power_cut_takes_no_more_than_was_not_synced(
    origin: Origin, gateway_factory: GatewayFactory, forgetful_disk: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """What the disk forgets is cut off, or is zeros, or is there in part; a run before the last is whole."""
    stockade = gateway_factory(origin.url, run=False)
    folder = DataFolder(stockade.data)
    monkeypatch.setenv("LD_PRELOAD", str(forgetful_disk))
    monkeypatch.setenv("FORGETFUL_DISK", str(folder.spool.resolve()))
    chance, before = random.Random(left), list[str]()
    for _ in range(3):
        stockade.start()
        kept = ask(stockade, 50)
        newest = spool.segments(folder.spool)[-1].path
        wanted = len(before) + 50
        until(lambda wanted=wanted: len(recorded(stockade)) >= wanted, 30, what="50 records")  # type: ignore[misc]
        size = newest.stat().st_size
        until(lambda newest=newest, size=size: synced(newest) >= size, 30, what="a sync")  # type: ignore[misc]
        late = ask(stockade, 50)
        kill_all(stockade)
        for segment in [one.path for one in spool.segments(folder.spool)]:
            whole, safe = segment.stat().st_size, synced(segment)
            if whole <= safe:
                continue
            with segment.open("r+b") as opened:
                at = chance.randrange(safe, whole) if left == "part" else safe
                opened.truncate(at)
                if left == "zeros":
                    opened.truncate(whole)
        found = recorded(stockade)
        answered = [*before, *kept, *late]
        assert found[:wanted] == answered[:wanted], "what was synced is there"
        assert found == answered[: len(found)], "what is lost is the end, and nothing comes twice"
        before = found
    stockade.start()
    last = ask(stockade, 5)
    until(lambda: recorded(stockade) == [*before, *last], 30, what="the records of all runs")
    assert stockade.stop() == 0
    assert Manifest.load(folder.events).damaged == 0


@pytest.mark.slow
def test_clocks_that_jump_neither_lose_nor_reorder_records(
    origin: Origin, gateway_factory: GatewayFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour forward, two back, and to where it was: sequence numbers rise, and every record is found once."""
    if not FAKETIME.exists():
        pytest.skip("libfaketime is not installed: apt-get install faketime")
    offset = tmp_path / "offset"
    offset.write_text("+0")
    faked = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    stockade = gateway_factory(origin.url)
    assert stockade.stop() == 0
    folder = DataFolder(stockade.data)
    # The gateway alone, by the bundle that is there: its clock is the one that counts.
    command = [sys.executable, "-m", "stockade", "gateway", "--data", str(stockade.data)]
    gateway = subprocess.Popen(command, env={**os.environ, **faked})
    answered: list[str] = []
    try:
        until(lambda: _listens(stockade.port), 30, "the gateway")
        for jump in ("+0", "+1h", "-1h", "+0"):
            other = tmp_path / "other"
            other.write_text(jump)
            other.replace(offset)
            answered += ask(stockade, 40)
        gateway.terminate()
        assert gateway.wait(60) == 0
    finally:
        gateway.kill()
    entries = [entry for entry in spool.read_newest(folder.spool, limit=1000) if entry.record["kind"] == "exchange"]
    in_order = sorted(entries, key=lambda entry: entry.seq)
    assert [entry.record["id"] for entry in in_order] == answered, "numbers rise as answers were given"
    times = [entry.record["time"] for entry in in_order]
    assert max(times) - min(times) > 3_600_000_000, "the clock did jump"
    assert sorted(recorded(stockade)) == sorted(answered)
    stockade.start()
    assert stockade.stop() == 0
    manifest = Manifest.load(folder.events)
    assert (manifest.damaged, manifest.unread) == (0, 0)
    assert sorted(recorded(stockade)) == sorted(answered), "and from the archive alike"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_two_gateways_of_one_name_do_not_take_each_others_place(
    origin: Origin, gateway_factory: GatewayFactory
) -> None:
    one, other = gateway_factory(origin.url), gateway_factory(origin.url)
    answered = [ask(stockade, 50) for stockade in (one, other)]
    for stockade, ids in zip((one, other), answered, strict=True):
        until(lambda stockade=stockade: len(stockade.exchanges()) == 50, 30, "50 records")  # type: ignore[misc]
        assert recorded(stockade) == ids
    assert not set(answered[0]) & set(answered[1])
