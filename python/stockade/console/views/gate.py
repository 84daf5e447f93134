"""Pages for those who are not signed in yet."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.app.admin.answers import principal_of
from stockade.app.admin.provider import within
from stockade.app.errors import StockadeError
from stockade.console import shown
from stockade.console.page import Pages

PROBLEMS = {"provider": "Signing in there did not work; the audit log says why."}
"""What an address may have the page say."""


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    state = pages.state
    people = state.accounts.people

    @router.get("/signin", operation_id="page_sign_in")
    def sign_in(request: Request, next: str = "/", problem: str = "") -> HTMLResponse:
        """Name and password."""
        values = {
            "next": within(next),
            "nobody": not people.any(),
            "problem": PROBLEMS.get(problem, ""),
            "provider": state.provider.shown_as if state.provider else "",
        }
        return pages.answer(request, "signin.html", title="Sign in", **values)

    @router.get("/welcome/{code}", operation_id="page_welcome")
    def welcome(code: str, request: Request) -> HTMLResponse:
        """A one-time link."""
        try:
            invitation = people.invitation(code)
        except StockadeError as error:
            values = {"invitation": None, "code": "", "problem": error.message, "hint": error.hint}
            return pages.answer(request, "welcome.html", 404, title="Welcome", **values)
        return pages.answer(request, "welcome.html", title="Welcome", invitation=invitation, code=code)

    @router.get("/forbidden", operation_id="page_forbidden")
    def forbidden(request: Request) -> HTMLResponse:
        """What stands in place of a page that somebody may not see."""
        principal = principal_of(request)
        problem = f"This is not for {principal.name}, who is {principal.role}."
        hint = "An admin can change that under People, or with `stockade users role`."
        cli = shown.command("users", "role", principal.name, "editor")
        return pages.answer(request, "problem.html", 403, title="Not for you", cli=cli, problem=problem, hint=hint)

    return router
