"""Fixtures of the end-to-end tests: upstreams and whole Stockades on loopback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.origins import Origin, start_origin
from tests.e2e.stockades import Stockade

GatewayFactory = Callable[..., Stockade]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for the name of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="stockade-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def origin() -> Iterator[Origin]:
    """A recording upstream."""
    started = start_origin()
    yield started
    started.stop()


@pytest.fixture
def gateway_factory(short_path: Path) -> Iterator[GatewayFactory]:
    """Starts a Stockade: `gateway_factory(upstream, api={...}, gateway={...})`."""
    started: list[Stockade] = []

    def start(
        upstream: str | dict[str, Any],
        *,
        api: dict[str, Any] | None = None,
        gateway: dict[str, Any] | None = None,
        run: bool = True,
    ) -> Stockade:
        folder = short_path / str(len(started))
        folder.mkdir()
        config = {"version": 1, "apis": {"main": {"upstream": upstream, **(api or {})}}, "gateway": gateway or {}}
        stockade = Stockade(folder, config)
        started.append(stockade)
        if run:
            stockade.start()
        return stockade

    yield start
    for stockade in started:
        stockade.destroy()
