"""`/api/v1/events`: what passed and what was refused."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query

from stockade.app.control_state import ControlState
from stockade.app.events import filter_of
from stockade.store.events import Stored

MOST = 1000
"""Events in one answer."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/events")

    @router.get("")
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
        found = [] if wanted.needs_archive else state.recent.newest(wanted, limit)
        if len(found) < limit and (wanted.needs_archive or state.has_older or state.recent.is_full()):
            found = list(state.events.query(wanted, limit))
        return {"events": [_shown(stored) for stored in found]}

    @router.get("/{exchange_id}")
    def event(exchange_id: str) -> dict[str, Any]:
        """One exchange by its id."""
        stored = state.recent.find(exchange_id.upper()) or state.events.find(exchange_id)
        if stored is None:
            raise HTTPException(404, "no event with this id")
        return _shown(stored)

    return router


def _shown(stored: Stored) -> dict[str, Any]:
    return {"seq": stored.seq, **stored.raw}
