"""Builds everything from what was asked for: the one place that knows the environment and joins the parts."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stockade import __version__
from stockade.app.apis import in_force
from stockade.app.certificates import Renewals
from stockade.app.clock import wall_clock
from stockade.app.control import ControlProcess
from stockade.app.control_state import ControlState
from stockade.app.decisions import Decisions
from stockade.app.gateway_link import GatewayLink
from stockade.app.policy import Asked, Policy, load_asked
from stockade.app.supervisor import Supervisor, Watch
from stockade.app.vault import read_entry
from stockade.config import Config, Loaded
from stockade.config.behaviour import Behaviour
from stockade.config.events import Events
from stockade.config.outputs import Output
from stockade.prevent.gateway.bundle import Bundles
from stockade.store.decisions import DecisionStore
from stockade.store.events import EventStore
from stockade.store.folder import DataFolder
from stockade.store.recent import RecentEvents


@dataclass(frozen=True, slots=True)
class Kept:
    """What becomes of events."""

    events: Events = field(default_factory=Events)
    """How they are kept."""
    outputs: Mapping[str, Output] = field(default_factory=dict)
    """Who else is told, by name."""
    behaviour: Behaviour = field(default_factory=Behaviour)
    """What is made of them."""


def load(asked: Asked) -> Loaded:
    """Load what was asked for, with this process's environment and working folder.

    Raises:
        ConfigProblemsError: with every problem that was found.
    """
    return load_asked(asked, os.environ, Path.cwd(), read_entry)


def policy(asked: Asked, folder: DataFolder) -> Policy:
    """The policy of a data folder."""
    return Policy(asked, lambda: load(asked), Bundles(folder.path), GatewayLink(folder.socket), wall_clock)


def write_bundle(config: Path) -> None:
    """Put what a config file says in force on disk, for a gateway that is started alone.

    Args:
        config: the config file; the bundle goes to its data folder.

    Raises:
        StockadeError: the config is wrong, or the folder cannot be used.
    """
    asked = Asked(config=config)
    folder = DataFolder(load(asked).config.data)
    folder.create()
    policy(asked, folder).publish()


def control(asked: Asked, folder: DataFolder, admin: str, hosts: tuple[str, ...], kept: Kept) -> ControlProcess:
    """The control process of a data folder.

    Args:
        asked: what the user asked for.
        folder: the data folder, which exists.
        admin: `address:port` of the admin API.
        hosts: names that `Host` may have, beside loopback.
        kept: how events are kept and who is told of them.
    """
    # Parquet and DuckDB are large: other commands do without.
    from stockade.app.archiving import Archiving
    from stockade.app.outputs import metrics_of, outputs_of
    from stockade.detect.ingest.red import Red

    link = GatewayLink(folder.socket)
    rules = policy(asked, folder)
    recent = RecentEvents()
    state = ControlState(
        version=__version__,
        clock=wall_clock,
        link=link,
        events=EventStore(folder),
        recent=recent,
        decisions=Decisions(DecisionStore(folder.decisions), link, recent.exchanges, wall_clock),
        policy_status=rules.status,
        apis=lambda: [api.to_json() for api in in_force(folder.path)],
    )

    red, outputs = Red(), outputs_of(kept.outputs, wall_clock)
    state.metric_sources = (red.lines, lambda: metrics_of(outputs))

    def archiving() -> Archiving:
        return Archiving(folder, kept.events, wall_clock, [red, *outputs])

    if kept.behaviour.act != "off":
        from stockade.app.behaviour import Watching

        state.watching = Watching(folder, kept.behaviour, state.decisions, wall_clock)
    renewals = Renewals(lambda: rules.config, wall_clock)
    return ControlProcess(folder, rules, state, admin, hosts, archiving, renewals)


def supervisor(
    asked: Asked, folder: DataFolder, config: Config, say: Callable[[str], None], log: Path | None
) -> Supervisor:
    """The supervisor of a data folder.

    Args:
        asked: what the user asked for.
        folder: the data folder, locked, with a bundle in force.
        config: the config that is in force.
        say: takes one line for the operator.
        log: file for the output of both processes; this process's own output when None.
    """

    def say_if_heard(text: str) -> None:
        # Whoever listened may be gone; that must not end what runs.
        with contextlib.suppress(OSError):
            say(text)

    # The folder is always named, so that the process can be told from others by its command line.
    named = replace(asked, data=folder.path)
    return Supervisor(
        folder,
        control_command=[
            *(sys.executable, "-m", "stockade", "control"),
            *named.arguments(),
            *("--admin-fallback", config.admin.listen),
        ],
        listeners=[listener.address for listener in config.gateway.listen],
        drain_s=config.gateway.timeouts.drain.ms / 1000,
        watch=Watch(time.monotonic, time.sleep, say_if_heard),
        log=log,
    )
