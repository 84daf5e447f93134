"""`/api/v1/audit`: who did what."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from stockade.app.admin.answers import FAILURES, principal_of
from stockade.app.control_state import ControlState


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/audit", tags=["audit"], responses=FAILURES)

    @router.get("", operation_id="list_audit")
    def audit(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, before: Annotated[int | None, Query(ge=1)] = None
    ) -> dict[str, Any]:
        """The newest lines, newest first."""
        found = state.audit.newest(limit, before)
        return {"records": [{**record.to_json(), "hash": record.hash} for record in found]}

    @router.post("/checkpoints", operation_id="sign_checkpoint", status_code=201)
    def checkpoint(request: Request) -> dict[str, Any]:
        """Sign how far the log goes now."""
        state.audit.note(principal_of(request).name, "audit.checkpoint", "the audit log")
        made = state.audit.checkpoint(due=False)
        return {"checkpoint": made.to_json() if made else None}

    return router
