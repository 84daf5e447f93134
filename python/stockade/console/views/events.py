"""The live tail, the explorer, and one exchange with everything that was decided about it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.app.errors import StockadeError
from stockade.app.events import Stored, filter_of
from stockade.app.recorded import newest_of
from stockade.console import shown
from stockade.console.page import Pages, link
from stockade.console.views.overview import traffic_chart
from stockade.console.window import CHOICES, window
from stockade.model.event import Event

PAGE = 100
"""Exchanges on one page."""

FIELDS = (
    "actor",
    "verdict",
    "path",
    "operation",
    "reason",
    "address",
    "status",
    "object",
    "api",
    "method",
    "detector",
    "text",
)
"""What can be asked for."""

ATTRIBUTES = ("subject", "client", "key", "session", "token", "address")
"""What a decision can be about, in the console; the command line knows more."""


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state

    @router.get("/live", operation_id="page_live")
    def live(request: Request, verdict: str = "", api: str = "") -> HTMLResponse:
        """The live tail; `live.js` fills it."""
        cli = shown.command("events", verdict=verdict, api=api) + " --follow"
        return pages.answer(request, "live.html", title="Live tail", cli=cli, verdict=verdict, api=api)

    @router.get("/events", operation_id="page_events")
    def events(request: Request) -> HTMLResponse:
        """The explorer."""
        given = {name: value for name, value in request.query_params.items() if value != ""}
        wanted = {name: given[name] for name in FIELDS if name in given}
        problem, found, total, chart = "", list[Stored](), 0, None
        span = window(None, None, state.clock(), "24h")
        try:
            span = window(given.get("since"), given.get("until"), state.clock(), "24h")
            status = wanted.get("status")
            if status is not None and not status.isdecimal():
                raise StockadeError("events.status", f"expected a number as status, got `{status[:40]}`", None)
            plain = {name: value for name, value in wanted.items() if name != "status"}
            fits = filter_of(
                state.clock(),
                **plain,
                status=None if status is None else int(status),
                since=str(span.begin),
                until=str(span.end) if span.until else None,
            )
            found = newest_of(state, fits, PAGE)
            if "text" not in wanted:
                rows = pages.ask("traffic_of", {**wanted, **span.given(), "step": span.step_s})
                problem, total = rows.problem, sum(row["exchanges"] for row in rows.rows)
                chart = traffic_chart(rows.rows, span, wide=True)
        except StockadeError as error:
            problem = "; ".join(filter(None, (error.message, error.hint)))
        older = ""
        if len(found) == PAGE:
            older = link("/events", **{**given, "since": span.begin, "until": found[-1].record.time})
        return pages.answer(
            request,
            "events.html",
            title="Explorer",
            cli=shown.command("events", **wanted, since=span.since, until=span.until),
            asked={name: given.get(name, "") for name in FIELDS},
            query=wanted,
            window=span,
            choices=CHOICES,
            problem=problem,
            events=rows_of(found),
            total=total,
            traffic=chart,
            older=older,
        )

    @router.get("/events/{exchange_id}", operation_id="page_event")
    def event(exchange_id: str, request: Request) -> HTMLResponse:
        """One exchange."""
        stored = state.recent.find(exchange_id.upper()) or state.events.find(exchange_id)
        if stored is None or not isinstance(stored.record, Event):
            hint = "Events are written within a tenth of a second, and kept as long as `events` in the config says."
            values: Mapping[str, Any] = {"problem": "There is no exchange with this id.", "hint": hint}
            return pages.answer(request, "problem.html", 404, title="Exchange", cli=shown.command("events"), **values)
        record = stored.record
        attribute, value = decidable(record.actor)
        title = f"{record.request.method} {record.request.path}" if record.request else "Unreadable request"
        return pages.answer(
            request,
            "event.html",
            title=title,
            about=f"Exchange {record.id}, {shown.date_time(record.time)} UTC",
            cli=shown.command("explain", record.id),
            event=record,
            raw=json.dumps(stored.raw, indent=2, ensure_ascii=True),
            attribute=attribute,
            value=value,
            attributes=ATTRIBUTES,
        )

    return router


def rows_of(found: Iterable[Stored]) -> list[dict[str, Any]]:
    """Records as rows of a table."""
    rows: list[dict[str, Any]] = []
    for stored in found:
        record = stored.record
        if not isinstance(record, Event):
            rows.append(
                {
                    "notice": True,
                    "time": record.time,
                    "code": record.code,
                    "gateway": record.gateway,
                    "detail": record.detail,
                }
            )
            continue
        request = record.request
        rows.append(
            {
                "notice": False,
                "id": record.id,
                "time": record.time,
                "verdict": record.verdict,
                "request": f"{request.method} {request.path}" if request else "(unreadable)",
                "status": record.response.status if record.response else None,
                "actor": record.actor,
                "reason": record.refusals[-1].reason if record.refusals else "",
            }
        )
    return rows


def decidable(actor: str) -> tuple[str, str]:
    """Attribute and value of a decision about an actor."""
    kind, colon, value = actor.partition(":")
    return (kind, value) if colon and kind in ATTRIBUTES else ("address", actor if not colon else value)
