"""Joins everything for the commands `run`, `gateway` and `control`: the one place that knows the environment."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stockade import __version__
from stockade.app.apis import ApiSummary, in_force
from stockade.app.clock import wall_clock
from stockade.app.errors import ConfigProblemsError
from stockade.app.gateway_link import GatewayLink
from stockade.app.policy import Asked, Policy, Published, load_asked
from stockade.app.supervisor import Supervisor, Watch, signals_to
from stockade.config import Loaded
from stockade.model.problem import Problem
from stockade.prevent.gateway.bundle import Bundles
from stockade.store.folder import DataFolder, read_json


@dataclass(frozen=True, slots=True)
class Running:
    """What `stockade run` brought up."""

    listening: tuple[str, ...]
    """Addresses that clients connect to."""
    admin: str
    """Address of the admin API."""
    data: str
    """Data folder."""
    apis: tuple[ApiSummary, ...]
    """APIs in force."""
    warnings: tuple[Problem, ...]
    """What works but is probably not meant."""

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "listening": list(self.listening),
            "admin": self.admin,
            "data": self.data,
            "apis": [api.to_json() for api in self.apis],
            "warnings": [warning.to_json() for warning in self.warnings],
        }


def run_gateway(data: Path) -> int:
    """Run the gateway in this process until SIGTERM; returns its exit code."""
    from stockade.core import gateway

    return gateway.run(data)


def run_control(asked: Asked, admin_fallback: str | None = None) -> int:
    """Run the control process in this process until SIGTERM.

    Args:
        asked: what the user asked for.
        admin_fallback: address of the admin API while the config is wrong: a control process that is started again
            then shows what is wrong with it instead of ending again and again.

    Raises:
        StockadeError: the config is wrong and there is no fallback, or it cannot listen.
    """
    from stockade.app.control import ControlProcess
    from stockade.app.control_state import ControlState
    from stockade.app.decisions import Decisions
    from stockade.store.decisions import DecisionStore
    from stockade.store.events import EventStore
    from stockade.store.recent import RecentEvents

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"
    )
    try:
        config = _load(asked).config
        folder, admin = DataFolder(config.data), config.admin.listen
    except ConfigProblemsError:
        if admin_fallback is None or asked.data is None:
            raise
        folder, admin = DataFolder(asked.data), admin_fallback
    folder.create()
    link = GatewayLink(folder.socket)
    policy = _policy(asked, folder, link)
    recent = RecentEvents()
    state = ControlState(
        version=__version__,
        clock=wall_clock,
        link=link,
        events=EventStore(folder.spool),
        recent=recent,
        decisions=Decisions(DecisionStore(folder.decisions), link, recent.exchanges, wall_clock),
        policy_status=policy.status,
        apis=lambda: [api.to_json() for api in in_force(folder.path)],
    )
    policy.refresh(forced=True)
    return ControlProcess(folder, policy, state, admin, ()).run()


def run_both(
    asked: Asked,
    ready: Callable[[Running, Supervisor], None],
    say: Callable[[str], None],
    log: Path | None = None,
) -> int:
    """Run the supervisor in this process until SIGTERM or SIGINT.

    Args:
        asked: what the user asked for.
        ready: told once when both processes are up.
        say: told what happens afterwards, a line at a time.
        log: file for the output of both processes.

    Raises:
        StockadeError: the config is wrong, the folder is in use, or a process did not come up.
    """
    folder = DataFolder(_load(asked).config.data)
    folder.create()
    with folder.locked():
        published = _policy(asked, folder, GatewayLink(folder.socket)).publish()
        supervisor = Supervisor(
            folder,
            control_command=_control_command(asked, folder, published.config.admin.listen),
            listeners=[listener.address for listener in published.config.gateway.listen],
            drain_s=published.config.gateway.timeouts.drain.ms / 1000,
            watch=Watch(time.monotonic, time.sleep, say),
            log=log,
        )
        with signals_to(supervisor):
            supervisor.start()
            try:
                ready(_running(folder, published), supervisor)
                supervisor.watch()
            finally:
                supervisor.stop()
    return 0


def _running(folder: DataFolder, published: Published) -> Running:
    gateway = read_json(folder.gateway_state) or {}
    control = read_json(folder.control_state) or {}
    return Running(
        listening=tuple(str(address) for address in gateway.get("listeners") or ()),
        admin=str(control.get("admin", "")),
        data=str(folder.path),
        apis=tuple(in_force(folder.path)),
        warnings=published.warnings,
    )


def _load(asked: Asked) -> Loaded:
    return load_asked(asked, os.environ, Path.cwd())


def _control_command(asked: Asked, folder: DataFolder, admin: str) -> list[str]:
    # The folder is always named, so that the process can be told from others by its command line.
    named = replace(asked, data=folder.path)
    return [sys.executable, "-m", "stockade", "control", *named.arguments(), "--admin-fallback", admin]


def _policy(asked: Asked, folder: DataFolder, link: GatewayLink) -> Policy:
    return Policy(asked, lambda: _load(asked), Bundles(folder.path), link, wall_clock)
