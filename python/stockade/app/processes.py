"""What the commands `run`, `gateway` and `control` do, each in its own process until a signal ends it."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockade.app import wiring
from stockade.app.admin_client import AdminClient
from stockade.app.apis import ApiSummary, in_force
from stockade.app.errors import ConfigProblemsError, StockadeError
from stockade.app.policy import Asked, Published
from stockade.app.supervisor import Supervisor, signals_to
from stockade.config.admin import Admin
from stockade.model.problem import Problem
from stockade.store.folder import DataFolder, read_json

if TYPE_CHECKING:
    from stockade.app.admin.application import Pages

NICENESS = 5
"""By how much the control process gives way to others (nice(2))."""


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
    welcome: str | None = None
    """One-time link for the first admin; None once there is one."""

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "listening": list(self.listening),
            "admin": self.admin,
            "data": self.data,
            "apis": [api.to_json() for api in self.apis],
            "warnings": [warning.to_json() for warning in self.warnings],
            "welcome": self.welcome,
        }


def run_gateway(data: Path) -> int:
    """Run the gateway in this process until SIGTERM; returns its exit code."""
    from stockade.core import gateway

    return gateway.run(data)


def run_control(asked: Asked, admin_fallback: str | None = None, pages: Pages | None = None) -> int:
    """Run the control process in this process until SIGTERM.

    Args:
        asked: what the user asked for.
        admin_fallback: address of the admin API while the config is wrong: a control process that is started again
            then shows what is wrong with it instead of ending again and again.
        pages: makes the console.

    Raises:
        StockadeError: the config is wrong and there is no fallback, or it cannot listen.
    """
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%H:%M:%S"
    )
    with contextlib.suppress(OSError):
        # Traffic goes first where the two share processors.
        os.nice(NICENESS)
    try:
        config = wiring.load(asked).config
        folder, admin = DataFolder(config.data), config.admin
        kept = wiring.Kept(config.events, config.outputs, config.behaviour)
        if config.gateway.spool.encrypt:
            # What is secret in the spool must not lie open behind it.
            kept = replace(kept, events=config.events.model_copy(update={"encrypt": True}))
    except ConfigProblemsError:
        if admin_fallback is None or asked.data is None:
            raise
        folder, admin, kept = DataFolder(asked.data), Admin(listen=admin_fallback), wiring.Kept()
    folder.create()
    return wiring.control(asked, folder, admin, kept, pages).run()


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
    folder = DataFolder(wiring.load(asked).config.data)
    folder.create()
    with folder.locked():
        published = wiring.policy(asked, folder).publish()
        supervisor = wiring.supervisor(asked, folder, published.config, say, log)
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
        welcome=_welcome(folder),
    )


def _welcome(folder: DataFolder) -> str | None:
    """A one-time link for the first admin: there is no password to begin with."""
    client = AdminClient(folder.path)
    try:
        if client.ask("GET", "/api/v1/users")["users"]:
            return None
        return str(client.ask("POST", "/api/v1/users", {"role": "admin"})["link"])
    except StockadeError:
        # What control cannot tell, it says in its own log; traffic does not wait for it.
        return None
