"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from stockade.app import metrics
from stockade.app.admin.answers import FAILURES
from stockade.app.control_state import ControlState


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["health"], responses=FAILURES)

    @router.get("/healthz", operation_id="healthz")
    def healthz() -> dict[str, str]:
        """Whether this process answers."""
        return {"status": "ok"}

    @router.get("/readyz", operation_id="readyz")
    def readyz() -> JSONResponse:
        """Whether the gateway answers, judges by a bundle and records events; says which part does not."""
        readiness = state.readiness()
        ready = all(part.ok for part in readiness if part.required)
        parts = {part.name: {"ok": part.ok, "detail": part.detail} for part in readiness}
        return JSONResponse({"status": "ready" if ready else "not ready", "parts": parts}, 200 if ready else 503)

    @router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
    def prometheus() -> Response:
        """Counters of gateway and control in the Prometheus text format."""
        text = metrics.render(
            state.gateway_status(),
            state.recent.tally(),
            len(state.decisions.active()),
            state.policy_status().ok,
            state.archive,
            state.metrics(),
        )
        return Response(text, media_type=metrics.CONTENT_TYPE)

    return router
