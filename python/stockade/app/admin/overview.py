"""`/api/v1/status` and `/api/v1/apis`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from stockade.app.admin.answers import FAILURES
from stockade.app.control_state import ControlState
from stockade.app.duration import moment_of


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["overview"], responses=FAILURES)

    @router.get("/status", operation_id="status")
    def status() -> dict[str, Any]:
        """Gateway, policy, events and decisions at a glance."""
        policy = state.policy_status()
        tally = state.recent.tally()
        return {
            "version": state.version,
            "started_at": state.started_at,
            "gateway": state.gateway_status(),
            "policy": {
                "ok": policy.ok,
                "bundle": policy.bundle,
                "changed_at": policy.changed_at,
                "problems": list(policy.problems),
                "news": list(policy.news),
            },
            "events": {
                "last_seq": state.last_seq,
                "missing": state.missing,
                "verdicts": dict(tally.verdicts),
                "reasons": dict(tally.reasons),
                "notices": dict(tally.notices),
            },
            "decisions": len(state.decisions.active()),
        }

    @router.get("/apis", operation_id="list_apis")
    def apis() -> dict[str, Any]:
        """The APIs of the bundle in force, as far as an operator needs them."""
        return {"apis": state.apis()}

    @router.get("/endpoints", operation_id="list_endpoints")
    def endpoints(since: str | None = None, until: str | None = None) -> dict[str, Any]:
        """Every endpoint, declared or seen, riskiest first."""
        from stockade.app.inventory import inventory, to_json

        now = state.clock()
        begin = moment_of(since, now) if since else None
        found = inventory(state.events.data.path, begin, moment_of(until, now) if until else None)
        return {"endpoints": [to_json(endpoint) for endpoint in found]}

    return router
