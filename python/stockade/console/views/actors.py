"""Who calls: all actors, one with their whole story, and anything that stands beside any value."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.app import asking
from stockade.app.errors import StockadeError
from stockade.app.events import filter_of
from stockade.app.recorded import newest_of
from stockade.console import shown
from stockade.console.charts.graph import graph
from stockade.console.page import Pages
from stockade.console.views.events import ATTRIBUTES, decidable, rows_of
from stockade.console.views.overview import traffic_chart
from stockade.console.window import CHOICES, window

SIDES = {"address": "Addresses", "user_agent": "Agents", "reason": "Why it was refused"}
"""What is told beside the graph, and its heading."""


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state

    @router.get("/actors", operation_id="page_actors")
    def actors(request: Request, since: str | None = None) -> HTMLResponse:
        """All actors, those with most refusals first."""
        asked = window(since, None, state.clock(), "24h")
        return pages.answer(
            request,
            "actors.html",
            title="Actors",
            about="An actor is the strongest proven thing behind requests: a user, a key, and only then an address.",
            cli=shown.query("top_actors", since=asked.since),
            window=asked,
            choices=CHOICES,
            actors=pages.ask("top_actors", {**asked.given(), "limit": 50}),
            addresses=pages.ask("top_addresses", {**asked.given(), "limit": 20}),
        )

    @router.get("/actor", operation_id="page_actor")
    def actor(request: Request, id: str, since: str | None = None) -> HTMLResponse:
        """One actor: when, what was touched, from where, and what is decided."""
        asked = window(since, None, state.clock(), "24h")
        given = {"actor": id, **asked.given()}
        touches = pages.ask("touches", {**given, "limit": 60})
        attribute, value = decidable(id)
        sides = [
            {"title": title, "rows": pages.ask("pivot", {"value": id, **asked.given(), "side": side, "limit": 6}).rows}
            for side, title in SIDES.items()
        ]
        fits = filter_of(state.clock(), actor=id, since=str(asked.begin))
        decisions = [one for one in state.decisions.active() if one.selector.get(attribute) == value]
        return pages.answer(
            request,
            "actor.html",
            title=id,
            cli=shown.command("events", actor=id, since=asked.since),
            actor=id,
            window=asked,
            choices=CHOICES,
            totals=pages.ask("totals", given),
            traffic=traffic_chart(pages.ask("traffic_of", {**given, "step": asked.step_s}).rows, asked, wide=True),
            touches=touches,
            graph=graph(touches.rows),
            sides=[side for side in sides if side["rows"]],
            events=rows_of(newest_of(state, fits, 25)),
            decisions=decisions,
            known=state.watching.actor(id) if state.watching is not None else None,
            attribute=attribute,
            value=value,
            attributes=ATTRIBUTES,
        )

    @router.get("/pivot", operation_id="page_pivot")
    def pivot(request: Request, value: str, since: str | None = None) -> HTMLResponse:
        """All that a value touches."""
        asked = window(since, None, state.clock(), "7d")
        found, problem = None, ""
        try:
            found = asking.pivot(state.database(), value, asked.begin, asked.end, 8)
        except StockadeError as error:
            problem = error.message
        roles = found.roles if found is not None else {}
        attribute = next((name for name in ATTRIBUTES if name in roles), "")
        return pages.answer(
            request,
            "pivot.html",
            title=value,
            cli=shown.command("events", "pivot", value, since=asked.since),
            value=value,
            window=asked,
            choices=CHOICES,
            found=found,
            problem=problem,
            attribute=attribute,
            attributes=ATTRIBUTES,
        )

    return router
