"""Takes, lists and undoes decisions: counted before they are taken, written whole, told to the gateway."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from stockade.app.clock import Clock
from stockade.app.gateway_link import GatewayLink, GatewayUnreachableError
from stockade.core.errors import StockadeError
from stockade.model.decision import Decision, DecisionAction
from stockade.model.event import Event
from stockade.respond.actions.decide import Reach, problem_of, reach_of
from stockade.store.decisions import DecisionStore

AUTOMATIC = "b-"
"""How ids of decisions begin that follow from behaviour."""

MOST = 100_000
"""Active decisions at once."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision and whom it would have hit."""

    decision: Decision
    """The decision."""
    reach: Reach
    """Counted in recent events before it was taken."""
    taken: bool
    """False when it was only counted."""
    enforced: bool
    """Whether the gateway has it; one that does not run reads it when it starts."""


class Decisions:
    """All decisions of one data folder.

    Args:
        store: where they are kept.
        link: the gateway to tell.
        exchanges: recent exchanges to count in.
        clock: microseconds since the epoch.
    """

    def __init__(
        self, store: DecisionStore, link: GatewayLink, exchanges: Callable[[], list[Event]], clock: Clock
    ) -> None:
        self._store = store
        self._link = link
        self._exchanges = exchanges
        self._clock = clock
        self._lock = threading.Lock()
        self.undone: Callable[[str], None] | None = None
        """Hears of decisions that a person takes back."""

    def active(self) -> list[Decision]:
        """Those that have not ended, the next to end first."""
        now = self._clock()
        return [decision for decision in self._store.load() if decision.expires_at > now]

    def take(
        self, selector: Mapping[str, str], action: DecisionAction, reason: str, expires_in_s: int, *, preview: bool
    ) -> Taken:
        """Count whom a decision hits, then take it.

        Args:
            selector: attributes that must all be equal.
            action: what is to be done.
            reason: why, for people.
            expires_in_s: seconds until it ends.
            preview: only count.

        Raises:
            StockadeError: it may not be taken, or there are too many.
        """
        problem = problem_of(selector, action, expires_in_s)
        if problem:
            raise StockadeError(problem.code, problem.message, problem.hint)
        reach = reach_of(selector, self._exchanges())
        decision = Decision(
            id=f"d-{secrets.token_hex(8)}",
            selector=dict(selector),
            action=action,
            reason=reason,
            expires_at=self._clock() + expires_in_s * 1_000_000,
        )
        if preview:
            return Taken(decision, reach, taken=False, enforced=False)
        with self._lock:
            others = self.active()
            if len(others) >= MOST:
                raise StockadeError(
                    "decision.too_many", f"expected at most {MOST} active decisions", "remove some, or select wider"
                )
            self._store.save([*others, decision])
            return Taken(decision, reach, taken=True, enforced=self._tell())

    def undo(self, decision_id: str) -> bool:
        """Take a decision back.

        Returns:
            Whether it was there.
        """
        with self._lock:
            before = self.active()
            after = [decision for decision in before if decision.id != decision_id]
            if len(after) == len(before):
                return False
            self._store.save(after)
            self._tell()
        if self.undone is not None:
            self.undone(decision_id)
        return True

    def set_automatic(self, decisions: Sequence[Decision]) -> None:
        """Replace all decisions that follow from behaviour; those of people stay."""
        with self._lock:
            known = self._store.load()
            now = self._clock()
            own = [
                decision for decision in known if not decision.id.startswith(AUTOMATIC) and decision.expires_at > now
            ]
            after = [*own, *decisions][:MOST]
            if {decision.id: decision for decision in after} != {decision.id: decision for decision in known}:
                self._store.save(after)
                self._tell()

    def clean(self) -> int:
        """Forget those that have ended; the gateway stopped enforcing them by itself.

        Returns:
            How many there were.
        """
        with self._lock:
            known = self._store.load()
            now = self._clock()
            left = [decision for decision in known if decision.expires_at > now]
            if len(left) != len(known):
                self._store.save(left)
                self._tell()
            return len(known) - len(left)

    def _tell(self) -> bool:
        try:
            return bool(self._link.decisions().get("ok"))
        except GatewayUnreachableError:
            return False
