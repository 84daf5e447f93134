"""`/signin/provider` and `/signin/callback`: signing in at an OpenID provider, by way of the browser."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse

from stockade.app.admin.authorise import cookie_of
from stockade.app.control_state import ControlState
from stockade.core.errors import StockadeError


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(include_in_schema=False)
    cookie = f"{state.site.cookie}-begun"

    @router.get("/signin/provider", operation_id="begin_provider")
    def begin(next: str = "/") -> RedirectResponse:
        """Send the browser to the provider."""
        if state.provider is None:
            raise HTTPException(404, "no provider is set in `admin.oidc`")
        begun = state.provider.begin(next)
        answer = RedirectResponse(begun.address, 303)
        # Lax: it must come back with the browser that the provider sends here.
        answer.set_cookie(cookie, begun.cookie, 600, path="/", secure=state.site.secure, httponly=True, samesite="lax")
        return answer

    @router.get("/signin/callback", operation_id="end_provider")
    def end(request: Request) -> RedirectResponse:
        """Take in whom the provider sends back."""
        if state.provider is None:
            raise HTTPException(404, "no provider is set in `admin.oidc`")
        kept = cookie_of(request.headers.get("cookie", "").encode("latin-1"), cookie)
        try:
            proven = state.provider.end(dict(request.query_params), kept)
            state.audit.note(proven.name, "session.begin", proven.name, f"{proven.role} by {proven.provider}")
            user = state.accounts.people.arrived(proven.provider, proven.name, proven.role)
        except StockadeError as error:
            # Why, the log says: what an address says must not stand on a page of ours.
            state.audit.note("unknown", "session.refused", "the provider", error.message)
            return RedirectResponse("/signin?problem=provider", 303)
        new = state.accounts.sessions.begin(user.name, user.role, request.headers.get("user-agent", ""))
        answer = RedirectResponse(within(proven.there), 303)
        answer.set_cookie(
            state.site.cookie, new.token, path="/", secure=state.site.secure, httponly=True, samesite="lax"
        )
        answer.delete_cookie(cookie, path="/", secure=state.site.secure, httponly=True, samesite="lax")
        return answer

    return router


def within(there: str) -> str:
    """A path on this site; the first page for anything that could lead elsewhere."""
    good = there.startswith("/") and not there.startswith(("//", "/\\")) and there.isprintable() and "\\" not in there
    return there if good else "/"
