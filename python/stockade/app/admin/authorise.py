"""Finds out who asks and whether they may, for every request, before any route sees it.

A browser proves itself by its cookie and, with everything that changes something, by an `Origin` of ours and a token
that only our pages know. Programs send a bearer token.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from stockade.app.accounts.accounts import Accounts
from stockade.app.accounts.principal import Principal, Proof, Right
from stockade.app.admin.guard import refuse
from stockade.app.admin.rights import FRESH_US, RIGHTS
from stockade.app.clock import Clock
from stockade.core.errors import StockadeError

FORBIDDEN = "/forbidden"
"""The page for those who may not see another."""

SAFE = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing."""


class Authorise:
    """Wraps the admin application, behind the guard.

    Args:
        app: the application; each of its operations has its right.
        accounts: who may be asked for.
        owner_token: the token in the data folder.
        cookie: name of the session cookie.
        clock: microseconds since the epoch.

    Raises:
        StockadeError: `admin.right` when an operation has no right.
    """

    def __init__(self, app: FastAPI, accounts: Accounts, owner_token: str, cookie: str, clock: Clock) -> None:
        self._app = app
        self._accounts = accounts
        self._owner_token = owner_token
        self._cookie = cookie
        self._clock = clock
        self._routes = [route for route in app.routes if isinstance(route, APIRoute)]
        for route in self._routes:
            if route.operation_id not in RIGHTS:
                raise StockadeError("admin.right", f"expected a right for `{route.path}` in `rights.py`, found none")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        fields = dict(reversed(scope["headers"]))
        method, route = scope["method"], self._route(scope)
        right = RIGHTS[route.operation_id or ""] if route else Right.SELF
        try:
            principal = await run_in_threadpool(self._principal, fields)
        except StockadeError as error:
            await refuse(send, 503, error.code, error.message, error.hint)
            return
        problem = _forgery(method, fields, principal)
        if problem:
            await refuse(
                send, 403, "admin.forgery", problem, "changes come from pages of this Stockade, or with a token"
            )
            return
        if principal is None and right is not Right.OPEN:
            await self._ask_to_sign_in(scope, receive, send, route)
            return
        if principal is not None and not principal.may(right):
            if route is not None and not route.include_in_schema and method in SAFE:
                there = {**scope, "path": FORBIDDEN, "raw_path": FORBIDDEN.encode(), "query_string": b""}
                there["state"] = {**scope.get("state", {}), "principal": principal}
                await self._app(there, receive, send)
                return
            name = route.operation_id if route else "this"
            await refuse(send, 403, "admin.forbidden", f"`{name}` asks for the right `{right}`", _may(principal))
            return
        stale = principal is not None and principal.proof is Proof.SESSION and right is Right.MANAGE
        if stale and principal is not None and method not in SAFE and self._clock() > principal.signed_in_at + FRESH_US:
            await refuse(send, 403, "admin.stale", "this asks for a fresh sign-in", "sign out, and in again")
            return
        scope.setdefault("state", {})["principal"] = principal
        await self._app(scope, receive, send)

    def _route(self, scope: Scope) -> APIRoute | None:
        partial = None
        for route in self._routes:
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return route
            if match is Match.PARTIAL:
                partial = partial or route
        return partial

    def _principal(self, fields: Mapping[bytes, bytes]) -> Principal | None:
        scheme, _, credential = fields.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            acting = fields.get(b"x-stockade-by", b"").decode("utf-8", "replace")
            return self._accounts.bearer(credential.strip().decode("latin-1"), self._owner_token, acting)
        token = cookie_of(fields.get(b"cookie", b""), self._cookie)
        return self._accounts.sessions.principal(token) if token else None

    async def _ask_to_sign_in(self, scope: Scope, receive: Receive, send: Send, route: APIRoute | None) -> None:
        if route is not None and not route.include_in_schema and scope["method"] in SAFE:
            query = scope["query_string"].decode("latin-1")
            there = scope["path"] + (f"?{query}" if query else "")
            await RedirectResponse(f"/signin?next={quote(there, safe='')}", 303)(scope, receive, send)
            return
        hint = "send `Authorization: Bearer TOKEN`; the owner's is in `admin.token` of the data folder"
        await refuse(send, 401, "admin.401", "expected somebody who is signed in", hint)


def cookie_of(field: bytes, name: str) -> str | None:
    """The value of one cookie."""
    try:
        found = SimpleCookie(field.decode("latin-1")).get(name)
    except CookieError:
        return None
    return found.value if found is not None else None


def _forgery(method: str, fields: Mapping[bytes, bytes], principal: Principal | None) -> str | None:
    """Why a request may not be what the person behind it wants; None when it is."""
    if method in SAFE:
        return None
    origin, host = fields.get(b"origin"), fields.get(b"host", b"")
    if origin is not None and origin.lower() not in (b"http://" + host.lower(), b"https://" + host.lower()):
        return "expected the page of this Stockade as `Origin`"
    if fields.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        return "expected a request from a page of this Stockade"
    if principal is None or principal.proof is not Proof.SESSION:
        return None
    if origin is None:
        return "expected `Origin`, which every browser sends"
    if not secrets.compare_digest(fields.get(b"x-csrf-token", b""), principal.csrf.encode()):
        return "expected the session's `x-csrf-token`"
    return None


def _may(principal: Principal) -> str:
    limited = f", and the token to {', '.join(sorted(principal.scopes))}" if principal.scopes is not None else ""
    return f"`{principal.name}` is {principal.role}{limited}; an admin can change that"
