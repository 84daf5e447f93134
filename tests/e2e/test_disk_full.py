"""A full disk: traffic goes on, and what could not be recorded is counted exactly."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import GatewayFactory
from tests.e2e.origins import Origin
from tests.e2e.stockades import Stockade, until


@pytest.fixture
def small_volume(short_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    volume = short_path / "volume"
    volume.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(volume)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.decode().strip()}")
    yield volume
    subprocess.run(["umount", "-l", str(volume)], check=True)


@pytest.mark.root
@pytest.mark.slow
def test_traffic_goes_on_and_drops_are_counted(
    origin: Origin, gateway_factory: GatewayFactory, small_volume: Path
) -> None:
    stockade = gateway_factory(origin.url, run=False)
    stockade.data = small_volume / "data"
    stockade.start()
    filler = small_volume / "filler"
    free = os.statvfs(small_volume)
    filler.write_bytes(b"\0" * (free.f_bavail * free.f_frsize - 256 * 1024))
    answered: list[str] = []
    # Long paths make large events, which fill the gateway's buffer sooner.
    path = "/" + "x" * 7000
    with stockade.client() as client:
        while dropped(stockade) == 0:
            assert len(answered) < 10_000
            for _ in range(100):
                answer = client.get(path)
                assert answer.status_code == 200
                answered.append(answer.headers["x-stockade-id"])
        assert spool(stockade)["failing"] is True
        until(lambda: not stockade.readiness()["parts"]["spool"]["ok"], what="unreadiness")
        filler.unlink()
        until(lambda: len(stockade.exchanges()) + dropped(stockade) == len(answered), what="an exact count")
        answered.append(client.get("/items").headers["x-stockade-id"])
    stockade.event(answered[-1])
    recorded = [event.id for event in stockade.exchanges()]
    assert len(recorded) == len(set(recorded))
    assert set(recorded) <= set(answered)
    assert len(recorded) + dropped(stockade) == len(answered)
    expected = {"spool.dropping", "spool.recovered"}
    until(lambda: expected <= {notice.code for notice in stockade.notices()}, what="notices")
    stockade.destroy()


def spool(stockade: Stockade) -> dict[str, Any]:
    """What the gateway tells of its spool."""
    found: dict[str, Any] = stockade.link().status()["spool"]
    return found


def dropped(stockade: Stockade) -> int:
    """Records that were not written."""
    return int(spool(stockade)["dropped"])
