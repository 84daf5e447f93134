"""What the APIs are: every endpoint, declared or seen, and a page for each operation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.app.errors import StockadeError
from stockade.app.events import filter_of
from stockade.app.inventory import inventory
from stockade.app.recorded import newest_of
from stockade.console import shown
from stockade.console.charts.heat import heat
from stockade.console.page import Pages
from stockade.console.views.events import rows_of
from stockade.console.views.overview import latency_chart, traffic_chart
from stockade.console.window import CHOICES, window

FINDINGS: Mapping[str, str] = {
    "shadow": "called, but not declared",
    "zombie": "deprecated, and still called",
    "old_version": "called, though there is a newer version",
    "orphan": "declared, but never called",
    "unauthenticated": "answered to callers who proved nothing",
}
"""What was found about an endpoint, in words."""

DAY_US = 86_400_000_000


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state

    @router.get("/inventory", operation_id="page_inventory")
    def endpoints(request: Request, api: str = "", finding: str = "", text: str = "") -> HTMLResponse:
        """Every endpoint, riskiest first."""
        found, problem = [], ""
        try:
            found = inventory(state.events.data.path, None, None)
        except StockadeError as error:
            problem = error.message
        counts = {name: sum(name in one.findings for one in found) for name in FINDINGS}
        chosen = [
            one
            for one in found
            if (not api or one.api == api)
            and (not finding or finding in one.findings)
            and (not text or text.lower() in f"{one.method} {one.path} {one.operation or ''}".lower())
        ]
        now = state.clock()
        hours = pages.ask("operation_hours", {"since": now - DAY_US, "until": now})
        return pages.answer(
            request,
            "inventory.html",
            title="Inventory",
            about="Every endpoint of the APIs, declared or seen, those that deserve a look most first.",
            cli=shown.command("apis", "--endpoints"),
            apis=state.apis(),
            endpoints=chosen,
            counts=counts,
            all=len(found),
            asked={"api": api, "finding": finding, "text": text},
            words=FINDINGS,
            problem=problem,
            hours=hours,
            heat=heat(hours.rows, now),
        )

    @router.get("/operation", operation_id="page_operation")
    def operation(request: Request, api: str = "", id: str = "", since: str | None = None) -> HTMLResponse:
        """One operation: how much, how fast, by whom."""
        asked = window(since, None, state.clock(), "24h")
        wanted = {name: value for name, value in (("api", api), ("operation", id)) if value}
        given: dict[str, Any] = {**wanted, **asked.given()}
        endpoint = None
        try:
            known = inventory(state.events.data.path, asked.begin, asked.end, api or None)
            endpoint = next((one for one in known if one.api == api and one.operation == id), None)
        except StockadeError:
            # Without a bundle there is still traffic to look at.
            endpoint = None
        latency = pages.ask("latency_of", {**given, "step": asked.step_s})
        fits = filter_of(state.clock(), api=api or None, operation=id or None, since=str(asked.begin))
        return pages.answer(
            request,
            "operation.html",
            title=id or "Not declared",
            cli=shown.command("events", api=api, operation=id, since=asked.since),
            query={"api": api, "id": id},
            wanted=wanted,
            endpoint=endpoint,
            words=FINDINGS,
            window=asked,
            choices=CHOICES,
            totals=pages.ask("totals", given),
            traffic=traffic_chart(pages.ask("traffic_of", {**given, "step": asked.step_s}).rows, asked),
            latency=latency_chart(latency.rows, asked),
            actors=pages.ask("actors_of", {**given, "limit": 10}),
            events=rows_of(newest_of(state, fits, 25)),
        )

    return router
