"""`/api/v1/session`: signing in and out, and one's own account."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from stockade.app.accounts.principal import Proof
from stockade.app.accounts.secrets import factor_link
from stockade.app.accounts.sessions import SignedIn
from stockade.app.admin.answers import FAILURES, principal_of
from stockade.app.admin.authorise import cookie_of
from stockade.app.control_state import ControlState
from stockade.core.errors import StockadeError

Password = Annotated[str, Field(max_length=256)]
Short = Annotated[str, Field(max_length=64)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Credentials(_Asked):
    """What somebody proves who they are with."""

    name: Short
    """Name."""
    password: Password
    """Password."""
    code: Annotated[str, Field(max_length=10)] = ""
    """Code of the authenticator, for those who have one."""


class Accepted(_Asked):
    """What somebody who was invited chooses."""

    invitation: Annotated[str, Field(max_length=100)]
    """The one-time code of the link."""
    name: Short = ""
    """Name, when the invitation leaves it open."""
    password: Password
    """Password to be."""


class NewPassword(_Asked):
    """A change of one's password."""

    old: Password
    """The one so far."""
    new: Password
    """The one to be."""


class NewFactor(_Asked):
    """An authenticator."""

    password: Password
    """One's password."""
    key: Annotated[str, Field(min_length=32, max_length=32, pattern="^[A-Z2-7]{32}$")]
    """The key that was shown."""
    code: Annotated[str, Field(max_length=10)]
    """What the authenticator shows now."""


class Confirmed(_Asked):
    """A change that asks for the password."""

    password: Password
    """One's password."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["session"], responses=FAILURES)
    sessions = state.accounts.sessions

    def signed_in(response: Response, new: SignedIn) -> dict[str, Any]:
        response.set_cookie(
            state.site.cookie, new.token, path="/", secure=state.site.secure, httponly=True, samesite="lax"
        )
        return {"name": new.principal.name, "role": new.principal.role.value, "csrf": new.principal.csrf}

    @router.get("/session", operation_id="session")
    def session(request: Request) -> dict[str, Any]:
        """Who is signed in, and what they may do."""
        principal = principal_of(request)
        scopes = None if principal.scopes is None else sorted(principal.scopes)
        shown = {"name": principal.name, "role": principal.role.value, "proof": principal.proof.value}
        return {**shown, "scopes": scopes, "csrf": principal.csrf or None}

    @router.post("/session", operation_id="sign_in", status_code=201)
    def sign_in(asked: Credentials, request: Request, response: Response) -> dict[str, Any]:
        """Sign in; the session comes as a cookie."""
        before = cookie_of(request.headers.get("cookie", "").encode("latin-1"), state.site.cookie)
        agent = request.headers.get("user-agent", "")
        try:
            new = sessions.sign_in(asked.name, asked.password, asked.code, agent, before)
        except StockadeError as error:
            if error.code != "signin.code":
                state.audit.note(asked.name, "session.refused", asked.name, error.code)
            raise
        try:
            state.audit.note(new.principal.name, "session.begin", new.principal.name, agent[:100])
        except StockadeError:
            sessions.end(new.principal.key)
            raise
        return signed_in(response, new)

    @router.delete("/session", operation_id="sign_out")
    def sign_out(request: Request, response: Response) -> dict[str, Any]:
        """Sign out: the session ends at once."""
        principal = _browser(request)
        sessions.end(principal.key)
        response.delete_cookie(state.site.cookie, path="/", secure=state.site.secure, httponly=True, samesite="lax")
        return {"ended": True}

    @router.post("/invitations/accept", operation_id="accept_invitation", status_code=201)
    def accept(asked: Accepted, request: Request, response: Response) -> dict[str, Any]:
        """Choose a password with a one-time link, and sign in."""
        invited = state.accounts.people.invitation(asked.invitation)
        name = invited.name or asked.name
        state.audit.note(name, "invitation.accept", name, f"role {invited.role}")
        user = state.accounts.people.accept(asked.invitation, asked.name, asked.password)
        return signed_in(response, sessions.begin(user.name, user.role, request.headers.get("user-agent", "")))

    @router.post("/session/password", operation_id="change_password")
    def change_password(asked: NewPassword, request: Request) -> dict[str, Any]:
        """Change one's own password; all other sessions end."""
        principal = _browser(request)
        state.audit.note(principal.name, "password.change", principal.name)
        sessions.change_password(principal, asked.old, asked.new)
        return {"changed": True}

    @router.get("/session/factor", operation_id="begin_second_factor")
    def begin_second_factor(request: Request) -> dict[str, Any]:
        """A key for an authenticator; it counts once a code of it was given."""
        principal = _browser(request)
        key = sessions.fresh_factor()
        return {"key": key, "link": factor_link(key, principal.name)}

    @router.put("/session/factor", operation_id="set_second_factor")
    def set_second_factor(asked: NewFactor, request: Request) -> dict[str, Any]:
        """Ask for codes of this authenticator from now on."""
        principal = _browser(request)
        state.audit.note(principal.name, "factor.set", principal.name)
        sessions.set_second_factor(principal, asked.password, asked.key, asked.code)
        return {"second_factor": True}

    @router.post("/session/factor/remove", operation_id="remove_second_factor")
    def remove_second_factor(asked: Confirmed, request: Request) -> dict[str, Any]:
        """Ask for no more codes."""
        principal = _browser(request)
        state.audit.note(principal.name, "factor.remove", principal.name)
        sessions.remove_second_factor(principal, asked.password)
        return {"second_factor": False}

    @router.get("/sessions", operation_id="list_sessions")
    def list_sessions(request: Request) -> dict[str, Any]:
        """One's own sessions."""
        principal = principal_of(request)
        found = sessions.of(principal.name)
        return {"sessions": [{**one, "this": one["key"] == principal.key} for one in found]}

    @router.delete("/sessions/{key}", operation_id="end_session")
    def end_session(key: str, request: Request) -> dict[str, Any]:
        """End one of one's own sessions."""
        name = principal_of(request).name
        if all(one["key"] != key for one in sessions.of(name)):
            raise HTTPException(404, "no session of yours with this key")
        sessions.end(key)
        return {"ended": True}

    return router


def _browser(request: Request) -> Any:
    principal = principal_of(request)
    if principal.proof is not Proof.SESSION:
        raise HTTPException(403, "this is for browsers that signed in")
    return principal
