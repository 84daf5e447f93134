"""`/api/v1/queries`: named queries of recorded events, and `/api/v1/pivot`."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from stockade.app import asking
from stockade.app.admin.answers import FAILURES
from stockade.app.control_state import ControlState
from stockade.app.duration import moment_of


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["events"], responses=FAILURES)

    @router.get("/queries", operation_id="list_queries")
    def queries() -> dict[str, Any]:
        """Every named query with its parameters."""
        return {"queries": asking.catalogue()}

    @router.get("/queries/{name}", operation_id="ask_query")
    def query(name: str, request: Request) -> dict[str, Any]:
        """The rows of one query; parameters as in the catalogue, times also as `10m` or ISO 8601."""
        given: dict[str, Any] = dict(request.query_params)
        for moment in ("since", "until"):
            if moment in given and not given[moment].isdecimal():
                given[moment] = moment_of(given[moment], state.clock())
        answer = state.database().ask(name, given)
        return {"columns": list(answer.columns), "rows": [list(row) for row in answer.rows]}

    @router.get("/pivot", operation_id="pivot")
    def pivot(
        value: str,
        since: str | None = None,
        until: str | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 10,
    ) -> dict[str, Any]:
        """All that a value touches."""
        now = state.clock()
        begin = moment_of(since, now) if since else None
        end = moment_of(until, now) if until else None
        return asking.pivot(state.database(), value, begin, end, limit).to_json()

    return router
