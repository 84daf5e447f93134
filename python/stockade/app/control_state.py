"""What the control process knows, and what its routes may ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stockade.app.accounts.accounts import Accounts
from stockade.app.audit import Audit
from stockade.app.changes.changes import Changes
from stockade.app.clock import Clock
from stockade.app.decisions import Decisions
from stockade.app.gateway_link import GatewayLink, GatewayUnreachableError
from stockade.app.metrics import Metric
from stockade.app.policy_status import PolicyStatus
from stockade.store.events import EventStore
from stockade.store.recent import RecentEvents

if TYPE_CHECKING:
    from stockade.app.accounts.provider import Provider
    from stockade.app.behaviour import Watching
    from stockade.store.queries.database import EventDatabase


@dataclass(frozen=True, slots=True)
class Site:
    """How browsers reach the console."""

    url: str
    """Scheme, host and port, without a path."""
    cookie: str
    """Name of the session cookie."""

    @property
    def secure(self) -> bool:
        """Whether they come over TLS."""
        return self.url.startswith("https://")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of readiness."""

    name: str
    """`gateway`, `bundle`, `spool`, `archive` or `config`."""
    ok: bool
    """Whether it is well."""
    detail: str
    """What is seen."""
    required: bool = True
    """Whether Stockade is not ready without it."""


class ControlState:
    """Joins the parts of the control process for the admin API.

    Args:
        version: of Stockade.
        clock: microseconds since the epoch.
        link: the gateway.
        events: the spool.
        recent: newest events in memory.
        decisions: active decisions.
        policy_status: whether the config on disk is in force.
        apis: summaries of the APIs in force.
        accounts: who may ask.
        audit: who did what.
        site: how browsers reach the console.
        changes: changes of the policy.
        provider: where people may sign in beside here.
    """

    def __init__(
        self,
        version: str,
        clock: Clock,
        link: GatewayLink,
        events: EventStore,
        recent: RecentEvents,
        decisions: Decisions,
        policy_status: Callable[[], PolicyStatus],
        apis: Callable[[], list[dict[str, Any]]],
        accounts: Accounts,
        audit: Audit,
        site: Site,
        changes: Changes,
        provider: Provider | None = None,
    ) -> None:
        self.version = version
        self.clock = clock
        self.started_at = clock()
        self.link = link
        self.events = events
        self.recent = recent
        self.decisions = decisions
        self.policy_status = policy_status
        self.apis = apis
        self.accounts = accounts
        self.audit = audit
        self.site = site
        self.changes = changes
        self.provider = provider
        self.last_seq = 0
        self.missing = 0
        self.has_older = False
        self.metric_sources: Sequence[Callable[[], Sequence[Metric]]] = ()
        self.watching: Watching | None = None
        self._database: EventDatabase | None = None
        self.spool_problem: str | None = None
        self.archive_problem: str | None = None
        self.archive: Mapping[str, int] = {}

    def metrics(self) -> Sequence[Metric]:
        """Metrics of operations, stages and outputs."""
        return [metric for source in self.metric_sources for metric in source()]

    def database(self) -> EventDatabase:
        """The events for named queries; opened when first asked for.

        Raises:
            StockadeError: its key cannot be read.
        """
        if self._database is None:
            from stockade.app.asking import database

            self._database = database(self.events.data.path)
        return self._database

    def gateway_status(self) -> Mapping[str, Any] | None:
        """What the gateway answers; None when it does not."""
        try:
            return self.link.status()
        except GatewayUnreachableError:
            return None

    def readiness(self) -> list[Part]:
        """Every part that readiness rests on."""
        status = self.gateway_status()
        policy = self.policy_status()
        if status is None:
            gateway = Part("gateway", False, "does not answer on its control socket")
            bundle = Part("bundle", False, "unknown while the gateway does not answer")
            spool = Part("spool", False, "unknown while the gateway does not answer")
        else:
            draining = bool(status.get("draining"))
            gateway = Part("gateway", not draining, "draining" if draining else f"process {status.get('pid')}")
            bundle = Part("bundle", int(status.get("bundle") or 0) > 0, f"version {status.get('bundle')} in force")
            spool = self._spool(status.get("spool") or {})
        archive = Part("archive", self.archive_problem is None, self.archive_problem or self._kept(), required=False)
        parts = [gateway, bundle, spool, archive, self._config(policy, int((status or {}).get("bundle") or 0))]
        if self.watching is not None:
            problem = self.watching.problem
            parts.append(Part("behaviour", problem is None, problem or "judges every exchange", required=False))
        return parts

    def _config(self, policy: PolicyStatus, in_force: int) -> Part:
        if policy.ok and 0 < in_force < policy.bundle:
            detail = f"the gateway took bundle {policy.bundle} back and judges by {in_force}; see its notices"
            return Part("config", False, detail, required=False)
        return Part("config", policy.ok, "; ".join(policy.problems) or "in force", required=False)

    def _kept(self) -> str:
        return f"{self.archive.get('records', 0)} records, {self.archive.get('waiting', 0)} waiting"

    def _spool(self, status: Mapping[str, Any]) -> Part:
        dropped = status.get("dropped", 0)
        if status.get("failing"):
            return Part("spool", False, f"the disk does not take records; {dropped} dropped so far")
        if self.spool_problem:
            return Part("spool", False, self.spool_problem)
        return Part("spool", True, f"read up to record {self.last_seq}, {dropped} dropped")
