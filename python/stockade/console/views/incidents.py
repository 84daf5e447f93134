"""Incidents: campaigns that behaviour found, who is behind them, what was done, and whether they were any."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.console import shown
from stockade.console.page import Pages

WORDS = {"low": "plain", "medium": "warn", "high": "bad", "critical": "bad"}
"""How each severity is marked."""


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state

    @router.get("/incidents", operation_id="page_incidents")
    def incidents(request: Request) -> HTMLResponse:
        """All incidents, the newest first."""
        watching = state.watching
        return pages.answer(
            request,
            "incidents.html",
            title="Incidents",
            about="Campaigns that stand out from how everybody usually behaves, with what was done about them.",
            cli=shown.command("incidents", "list"),
            is_on=watching is not None,
            incidents=watching.incidents(100) if watching is not None else [],
            words=WORDS,
        )

    @router.get("/incidents/{name}", operation_id="page_incident")
    def incident(name: str, request: Request) -> HTMLResponse:
        """One incident."""
        found: dict[str, Any] | None = state.watching.incident(name) if state.watching is not None else None
        if found is None:
            return pages.problem(request, 404, "There is no such incident.", "They are remembered for a while only.")
        decisions = [one for one in state.decisions.active() if one.id in found["decisions"]]
        return pages.answer(
            request,
            "incident.html",
            title=", ".join(one.replace("_", " ") for one in found["classes"]).capitalize() or name,
            about=f"Incident {found['id']} of {found['api']}, {shown.date_time(found['first'])} UTC",
            cli=shown.command("incidents", "show", found["id"]),
            incident=found,
            decisions=decisions,
            words=WORDS,
        )

    return router
