"""A control state on a folder of its own, with a gateway that answers what it is told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.unit.records import a_record

from stockade.app.accounts.accounts import Accounts
from stockade.app.accounts.principal import Role
from stockade.app.accounts.sealed_column import SealedColumn
from stockade.app.accounts.sessions import SignedIn
from stockade.app.apis import ApiSummary
from stockade.app.audit import Audit
from stockade.app.changes.changes import Changes
from stockade.app.changes.history import History
from stockade.app.control_state import ControlState, Site
from stockade.app.decisions import Decisions
from stockade.app.gateway_link import GatewayLink, GatewayUnreachableError
from stockade.app.policy import Asked, Policy, load_asked, load_asked_text
from stockade.app.policy_status import PolicyStatus
from stockade.config import Loaded
from stockade.prevent.gateway.bundle import Bundles
from stockade.store.control.database import ControlDatabase
from stockade.store.decisions import DecisionStore
from stockade.store.events import EventStore
from stockade.store.folder import DataFolder
from stockade.store.recent import RecentEvents

NOW = 1_700_000_000_000_000
PASSWORD = "seven green bridges"
SHOP = ApiSummary("shop", "enforce", ("*",), "/", ("http://127.0.0.1:9000",), 3, ("jwt",), ()).to_json()


class FakeLink(GatewayLink):
    """A gateway that answers what it is told to."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.answers: dict[str, Any] | None = {
            "ok": True,
            "bundle": 3,
            "pid": 7,
            "draining": False,
            "counters": {"exchanges": 5, "open_connections": 2},
            "spool": {"written": 5, "dropped": 0, "bytes": 10},
        }

    def ask(self, operation: str) -> dict[str, Any]:
        if self.answers is None:
            raise GatewayUnreachableError("gateway.unreachable", "gone")
        return self.answers


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.now += int(seconds * 1_000_000)


def accounts_in(folder: Path, clock: Callable[[], int]) -> Accounts:
    """Accounts in a folder, without anybody."""
    database = ControlDatabase.in_file(folder / "control.db")
    database.migrate()
    return Accounts(database, folder / "keys", {}, clock)


def a_state(
    folder: Path, clock: Clock, link: FakeLink, status: Callable[[], PolicyStatus] | None = None
) -> ControlState:
    """A control state with three recorded exchanges."""
    recent = RecentEvents()
    recent.add([a_record(1), a_record(2, verdict="allowed", refusals=[]), a_record(3)])
    data = DataFolder(folder)
    return ControlState(
        version="1",
        clock=clock,
        link=link,
        events=EventStore(data),
        recent=recent,
        decisions=Decisions(DecisionStore(folder / "decisions.json"), link, recent.exchanges, clock),
        policy_status=status or (lambda: PolicyStatus(True, 3, NOW)),
        apis=lambda: [SHOP],
        accounts=accounts_in(folder, clock),
        audit=Audit(data, clock),
        site=Site("http://127.0.0.1:9440", "stockade-9440"),
        changes=changes_in(folder, clock, link),
    )


def changes_in(folder: Path, clock: Clock, link: FakeLink, file: Path | None = None) -> Changes:
    """Changes of the policy of a folder, with the config file that is named."""
    asked = Asked(config=file, upstream=None if file else "http://127.0.0.1:9000", data=folder)
    policy = Policy(asked, lambda: load_asked(asked, {}, folder), Bundles(folder), link, clock)
    database = ControlDatabase.in_file(folder / "control.db")
    database.migrate()
    history = History(database, SealedColumn("source", folder / "keys", {}), str(folder))

    def load(text: str) -> Loaded:
        assert file is not None
        return load_asked_text(text, file, folder, {})

    changes = Changes(file, policy, load, history, Audit(DataFolder(folder), clock), clock)
    policy.published = changes.published
    return changes


def a_user(accounts: Accounts, name: str, role: Role) -> None:
    """Somebody who chose the password `PASSWORD`."""
    accounts.people.accept(accounts.people.invite(name, role, "test"), name, PASSWORD)


def a_session(accounts: Accounts, name: str) -> SignedIn:
    """A session of somebody."""
    return accounts.sessions.begin(name, accounts.people.find(name).role, "test")
