"""`/api/v1/status` and `/api/v1/apis`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from stockade.app.control_state import ControlState


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1")

    @router.get("/status")
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

    @router.get("/apis")
    def apis() -> dict[str, Any]:
        """The APIs of the bundle in force, as far as an operator needs them."""
        return {"apis": state.apis()}

    return router
