"""Makes pages from templates: the same frame, the same words, everything escaped."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from stockade.app.accounts.principal import Principal, Right
from stockade.app.admin.answers import status_of
from stockade.app.control_state import ControlState
from stockade.app.errors import StockadeError
from stockade.console import shown
from stockade.console.assets import Assets

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
"""Answers a request."""

MENU: Sequence[tuple[str, Sequence[tuple[str, str, str]]]] = (
    (
        "",
        (
            ("/", "Overview", "overview"),
            ("/incidents", "Incidents", "incidents"),
            ("/live", "Live tail", "live"),
            ("/events", "Explorer", "explorer"),
        ),
    ),
    (
        "What there is",
        (
            ("/inventory", "Inventory", "inventory"),
            ("/actors", "Actors", "actors"),
            ("/decisions", "Decisions", "decisions"),
        ),
    ),
    (
        "What is set",
        (
            ("/rules", "Rules", "rules"),
            ("/policy", "Policy", "policy"),
            ("/health", "Health", "health"),
            ("/audit", "Audit", "audit"),
        ),
    ),
)
"""The menu: groups of path, title and sign."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Rows of one query, or why there are none: one that fails must not take the page with it."""

    rows: Sequence[Mapping[str, Any]]
    """Rows."""
    problem: str = ""
    """Why they could not be had."""


class Pages:
    """Makes the pages of one Stockade.

    Args:
        state: what they show.
        assets: sheets and scripts.
    """

    def __init__(self, state: ControlState, assets: Assets) -> None:
        self.state = state
        self._environment = Environment(
            loader=PackageLoader("stockade.console"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals |= {
            "asset": assets.url,
            "menu": MENU,
            "verdict_words": shown.VERDICTS,
            "link": link,
        }
        filters = (
            shown.visible, shown.time_of_day, shown.date_time, shown.iso, shown.count, shown.milliseconds, shown.size,
        )  # fmt: skip
        self._environment.filters |= {one.__name__: one for one in filters}
        self._environment.filters["ago"] = lambda moment: shown.ago(moment, state.clock())
        # Nothing that came from outside may turn the writing around or hide in it.
        self._environment.finalize = lambda value: shown.visible(value) if type(value) is str else value

    def router(self) -> APIRouter:
        """A router for pages: whatever goes wrong is said on a page, not in JSON."""
        pages = self

        class PageRoute(APIRoute):
            def get_route_handler(self) -> Handler:
                handler = super().get_route_handler()

                async def shown_always(request: Request) -> Response:
                    try:
                        return await handler(request)
                    except StockadeError as error:
                        return pages.problem(request, status_of(error.code), error.message, error.hint)
                    except RequestValidationError as error:
                        first = error.errors()[0]
                        return pages.problem(request, 400, f"{first['loc'][-1]}: {first['msg']}", None)

                return shown_always

        return APIRouter(include_in_schema=False, route_class=PageRoute)

    def problem(self, request: Request, status: int, message: str, hint: str | None) -> HTMLResponse:
        """A page that says what is wrong."""
        values = {"problem": message, "hint": hint or ""}
        cli = shown.command("--help")
        return self.answer(request, "problem.html", status, title="That did not work", cli=cli, **values)

    def answer(self, request: Request, template: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """A page.

        Args:
            request: what asks for it.
            template: its template.
            status: its status.
            values: what the template shows; `title` and `cli` for every page in the frame.
        """
        principal: Principal | None = getattr(request.state, "principal", None)
        theme = request.cookies.get("stockade-theme", "")
        common = {
            "path": request.url.path,
            "now": self.state.clock(),
            "theme": theme if theme in ("light", "dark") else "",
            "principal": principal,
            "may": {right.value: principal is not None and principal.may(right) for right in Right},
            "csrf": principal.csrf if principal is not None else "",
            "decisions_count": len(self.state.decisions.active()) if principal is not None else 0,
            "config_ok": self.state.policy_status().ok,
        }
        text = self._environment.get_template(template).render(**{**common, **values})
        return HTMLResponse(text, status)

    def ask(self, name: str, given: Mapping[str, Any]) -> Panel:
        """The rows of a named query for one part of a page."""
        try:
            return Panel(self.state.database().ask(name, given).dicts())
        except StockadeError as error:
            return Panel((), "; ".join(filter(None, (error.message, error.hint))))


def link(path: str, /, **query: Any) -> str:
    """A link to a page; parameters that are None or empty are left out."""
    given = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path
