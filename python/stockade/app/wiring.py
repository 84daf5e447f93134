"""Builds everything from what was asked for: the one place that knows the environment and joins the parts."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stockade import __version__
from stockade.app.apis import in_force
from stockade.app.audit import Audit
from stockade.app.certificates import Renewals
from stockade.app.clock import wall_clock
from stockade.app.control import ControlProcess
from stockade.app.control_state import ControlState, Site
from stockade.app.decisions import Decisions
from stockade.app.errors import StockadeError
from stockade.app.gateway_link import GatewayLink
from stockade.app.look_ups import LookUps
from stockade.app.policy import Asked, Policy, load_asked, load_asked_text
from stockade.app.supervisor import Supervisor, Watch
from stockade.app.vault import read_entry
from stockade.config import Config, Loaded
from stockade.config.admin import Admin
from stockade.config.behaviour import Behaviour
from stockade.config.events import Events
from stockade.config.outputs import Output
from stockade.prevent.gateway.bundle import Bundles
from stockade.prevent.identity.key_sets import KeySets
from stockade.store.decisions import DecisionStore
from stockade.store.events import EventStore
from stockade.store.folder import DataFolder
from stockade.store.recent import RecentEvents

if TYPE_CHECKING:
    from stockade.app.accounts.accounts import Accounts
    from stockade.app.accounts.provider import Provider
    from stockade.app.admin.application import Pages
    from stockade.app.changes.changes import Changes
    from stockade.store.control.database import ControlDatabase


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


def policy(asked: Asked, folder: DataFolder, key_sets: KeySets | None = None) -> Policy:
    """The policy of a data folder."""
    link = GatewayLink(folder.socket)
    return Policy(asked, lambda: load(asked), Bundles(folder.path), link, wall_clock, key_sets)


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


def control(asked: Asked, folder: DataFolder, admin: Admin, kept: Kept, pages: Pages | None = None) -> ControlProcess:
    """The control process of a data folder.

    Args:
        asked: what the user asked for.
        folder: the data folder, which exists.
        admin: how the admin API is served.
        kept: how events are kept and who is told of them.
        pages: makes the console.
    """
    # Parquet and DuckDB are large: other commands do without.
    from stockade.app.archiving import Archiving
    from stockade.app.outputs import metrics_of, outputs_of
    from stockade.detect.ingest.red import Red

    link = GatewayLink(folder.socket)
    key_sets = KeySets(wall_clock)
    rules = policy(asked, folder, key_sets)
    recent = RecentEvents()
    database = _database(folder, admin)
    audit = Audit(folder, wall_clock, admin.audit_export)
    state = ControlState(
        version=__version__,
        clock=wall_clock,
        link=link,
        events=EventStore(folder),
        recent=recent,
        decisions=Decisions(DecisionStore(folder.decisions), link, recent.exchanges, wall_clock),
        policy_status=rules.status,
        apis=lambda: [api.to_json() for api in in_force(folder.path)],
        accounts=_accounts(folder, admin, database),
        audit=audit,
        site=_site(admin),
        changes=_changes(asked, folder, rules, database, audit),
        provider=_provider(folder, admin),
    )

    red, outputs = Red(), outputs_of(kept.outputs, wall_clock)
    state.metric_sources = (red.lines, lambda: metrics_of(outputs))

    def archiving() -> Archiving:
        return Archiving(folder, kept.events, wall_clock, [red, *outputs])

    if kept.behaviour.act != "off":
        from stockade.app.behaviour import Watching

        state.watching = Watching(folder, kept.behaviour, state.decisions, wall_clock)
    renewals = Renewals(lambda: rules.config, wall_clock)
    look_ups = LookUps(folder.socket, lambda: rules.config, key_sets, wall_clock)

    def fetch() -> None:
        if rules.config is not None:
            key_sets.run(rules.config)

    return ControlProcess(folder, rules, state, admin, archiving, renewals, look_ups, fetch, pages)


def _database(folder: DataFolder, admin: Admin) -> ControlDatabase:
    # Loaded only by control: SQLAlchemy is large.
    from stockade.store.control.database import ControlDatabase

    url = admin.database.get_secret_value() if admin.database else None
    database = ControlDatabase(url) if url else ControlDatabase.in_file(folder.control_database)
    database.migrate()
    return database


def _changes(asked: Asked, folder: DataFolder, rules: Policy, database: ControlDatabase, audit: Audit) -> Changes:
    from stockade.app.accounts.sealed_column import SealedColumn
    from stockade.app.changes.changes import Changes
    from stockade.app.changes.history import History

    file = asked.config

    def load_text(text: str) -> Loaded:
        if file is None:
            raise StockadeError("policy.no_file", "expected a config file, and it was started without one")
        return load_asked_text(text, file, folder.path, os.environ, read_entry)

    sources = SealedColumn("source", folder.keys, os.environ)
    history = History(database, sources, str(folder.path.resolve()))
    changes = Changes(file, rules, load_text, history, audit, wall_clock)
    rules.published = changes.published
    return changes


def _accounts(folder: DataFolder, admin: Admin, database: ControlDatabase) -> Accounts:
    from stockade.app.accounts.accounts import Accounts
    from stockade.app.accounts.sessions import Lifetimes

    lifetimes = Lifetimes(admin.sessions.idle.ms * 1000, admin.sessions.absolute.ms * 1000)
    return Accounts(database, folder.keys, os.environ, wall_clock, lifetimes)


def _provider(folder: DataFolder, admin: Admin) -> Provider | None:
    if admin.oidc is None or admin.url is None:
        return None
    from stockade.app.accounts.provider import Provider
    from stockade.app.accounts.sealed_column import SealedColumn

    return Provider(admin.oidc, admin.url, SealedColumn("oidc", folder.keys, os.environ), wall_clock)


def _site(admin: Admin) -> Site:
    url = (admin.url or f"http://{admin.listen}").lower()
    # Cookies know no ports: two on one machine must not sign each other out.
    cookie = "__Host-stockade" if url.startswith("https://") else f"stockade-{admin.listen.rpartition(':')[2]}"
    return Site(url, cookie)


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
