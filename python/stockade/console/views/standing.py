"""What stands: decisions in force, the health of Stockade itself, and who did what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from stockade.app.control_state import ControlState
from stockade.app.errors import StockadeError
from stockade.console import shown
from stockade.console.page import Pages, link
from stockade.console.views.events import ATTRIBUTES

LINES = 100
"""Lines of the audit log on one page."""

WEEK_US = 7 * 86_400_000_000


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state

    @router.get("/decisions", operation_id="page_decisions")
    def decisions(request: Request) -> HTMLResponse:
        """Decisions in force."""
        return pages.answer(
            request,
            "decisions.html",
            title="Decisions",
            about="What every gateway does to some actors, until a moment. Each ends by itself and can be undone.",
            cli=shown.command("decisions", "list"),
            decisions=state.decisions.active(),
            attributes=ATTRIBUTES,
        )

    @router.get("/health", operation_id="page_health")
    def health(request: Request) -> HTMLResponse:
        """How Stockade itself is."""
        parts = state.readiness()
        since = state.clock() - WEEK_US
        return pages.answer(
            request,
            "health.html",
            title="Health",
            cli="curl -s " + f"{state.site.url}/readyz",
            ready=all(part.ok for part in parts if part.required),
            parts=parts,
            groups=[group for group in _groups(state) if group["numbers"]],
            notices=pages.ask("newest_notices", {"since": since, "limit": 30}),
        )

    @router.get("/audit", operation_id="page_audit")
    def audit(request: Request, before: Annotated[int | None, Query(ge=1)] = None) -> HTMLResponse:
        """Who did what."""
        problem, records = "", []
        try:
            records = state.audit.newest(LINES, before)
        except StockadeError as error:
            problem = error.message
        older = (
            link("/audit", before=records[-1].seq) if records and records[-1].seq > 1 and len(records) == LINES else ""
        )
        cli = shown.command("audit", "list")
        return pages.answer(
            request, "audit.html", title="Audit", cli=cli, records=records, problem=problem, older=older
        )

    return router


def _groups(state: ControlState) -> Iterator[dict[str, Any]]:
    status = state.gateway_status()
    about: list[tuple[str, str]] = [("version", state.version), ("up", shown.ago(state.started_at, state.clock()))]
    yield {"id": "control", "title": "Control", "numbers": about}
    if status is None:
        return
    yield {"id": "gateway", "title": "Gateway", "numbers": _numbers(status.get("counters"))}
    yield {"id": "spool", "title": "Spool", "numbers": _numbers(status.get("spool"))}
    yield {"id": "archive", "title": "Archive", "numbers": _numbers(state.archive)}


def _numbers(given: object) -> list[tuple[str, str]]:
    if not isinstance(given, Mapping):
        return []
    found = []
    for name, value in given.items():
        if isinstance(value, bool):
            found.append((_words(name), "yes" if value else "no"))
        elif isinstance(value, int | float):
            told = shown.size(int(value)) if str(name).endswith("bytes") else shown.count(value)
            found.append((_words(name), told))
    return found


def _words(name: object) -> str:
    return str(name).replace("_", " ")
