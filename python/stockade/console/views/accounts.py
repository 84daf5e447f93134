"""One's own account, and for admins everybody's."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from stockade.app.accounts.principal import SCOPES, Proof, Role
from stockade.app.admin.answers import principal_of
from stockade.console import shown
from stockade.console.page import Pages


def routes(pages: Pages) -> APIRouter:
    """The routes."""
    router = pages.router()
    accounts = pages.state.accounts

    @router.get("/account", operation_id="page_account")
    def account(request: Request) -> HTMLResponse:
        """Password, authenticator, sessions and tokens."""
        principal = principal_of(request)
        is_person = principal.proof is Proof.SESSION
        return pages.answer(
            request,
            "account.html",
            title="Your account",
            cli=shown.command("tokens", "list"),
            user=accounts.people.find(principal.name) if is_person else None,
            factor=accounts.sessions.fresh_factor() if is_person else "",
            sessions=[{**one, "this": one["key"] == principal.key} for one in accounts.sessions.of(principal.name)],
            tokens=accounts.tokens.all(principal.name),
            scopes=[scope for scope in SCOPES if principal.may(scope)],
        )

    @router.get("/people", operation_id="page_people")
    def people(request: Request) -> HTMLResponse:
        """Everybody, and all tokens."""
        return pages.answer(
            request,
            "people.html",
            title="People",
            about="Who may use the console and the admin API.",
            cli=shown.command("users", "list"),
            users=accounts.people.all(),
            roles=list(Role),
            tokens=accounts.tokens.all(),
        )

    return router
