"""Builds the admin application from its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from stockade.app.admin import (
    answers,
    audit,
    behaviour,
    decisions,
    events,
    health,
    overview,
    people,
    policy,
    provider,
    queries,
    session,
    stream,
)
from stockade.app.control_state import ControlState
from stockade.core.errors import StockadeError

PARTS = (health, overview, stream, events, queries, policy, decisions, behaviour, session, provider, people, audit)
"""The parts of the admin API."""

Pages = Callable[[ControlState], Sequence[APIRouter]]
"""Makes the pages of the console."""


def build(state: ControlState, pages: Pages | None = None) -> FastAPI:
    """Build the application.

    Args:
        state: what the routes read and change.
        pages: the console, when there is one.
    """
    app = FastAPI(
        title="Stockade admin API", version="1", docs_url=None, redoc_url=None, openapi_url=None,
        description="Everything that the console and the command line do. Bearer token, or a session's cookie.",
    )  # fmt: skip
    routers = [part.routes(state) for part in PARTS]
    description = APIRouter(prefix="/api/v1", responses=answers.FAILURES)

    @description.get("/openapi.json", operation_id="describe")
    def describe() -> dict[str, Any]:
        """This description."""
        return app.openapi()

    for router in [*routers, description, *(pages(state) if pages else ())]:
        # Taken over as they are, not wrapped: `authorise.py` looks at every route.
        app.router.routes.extend(router.routes)
    app.add_exception_handler(StockadeError, answers.refused)
    app.add_exception_handler(RequestValidationError, answers.invalid)
    app.add_exception_handler(HTTPException, answers.unknown)
    return app
