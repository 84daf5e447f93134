"""`/api/v1/events`: what passed and what was refused."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from stockade.app.admin.answers import FAILURES
from stockade.app.control_state import ControlState
from stockade.app.events import filter_of
from stockade.app.recorded import newest_of
from stockade.store.events import Stored

MOST = 1000
"""Events in one answer."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/events", tags=["events"], responses=FAILURES)

    @router.get("", operation_id="list_events")
    def events(
        since: str | None = None,
        until: str | None = None,
        verdict: str | None = None,
        status: int | None = None,
        api: str | None = None,
        operation: str | None = None,
        actor: str | None = None,
        path: str | None = None,
        reason: str | None = None,
        method: str | None = None,
        address: str | None = None,
        detector: str | None = None,
        object_id: Annotated[str | None, Query(alias="object")] = None,
        text: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> dict[str, Any]:
        """The newest records that fit, newest first: from memory, and from the archive where memory ends."""
        wanted = filter_of(
            state.clock(),
            since=since,
            until=until,
            verdict=verdict,
            status=status,
            api=api,
            operation=operation,
            actor=actor,
            path=path,
            reason=reason,
            method=method,
            address=address,
            detector=detector,
            object=object_id,
            text=text,
        )
        return {"events": [_shown(stored) for stored in newest_of(state, wanted, limit)]}

    @router.get("/{exchange_id}", operation_id="show_event")
    def event(exchange_id: str) -> dict[str, Any]:
        """One exchange by its id."""
        stored = state.recent.find(exchange_id.upper()) or state.events.find(exchange_id)
        if stored is None:
            raise HTTPException(404, "no event with this id")
        return _shown(stored)

    return router


def _shown(stored: Stored) -> dict[str, Any]:
    return {"seq": stored.seq, **stored.raw}
