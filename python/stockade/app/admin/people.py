"""`/api/v1/users` and `/api/v1/tokens`: who may use this, and their programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from stockade.app.accounts.principal import Principal, Proof, Right, Role, scopes_of
from stockade.app.admin.answers import FAILURES, principal_of
from stockade.app.control_state import ControlState
from stockade.app.duration import seconds_of


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Invited(_Asked):
    """Somebody who is to come."""

    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Name to sign in with; they choose it themselves when it is absent."""
    role: Role = Role.VIEWER
    """Role."""


class ChangedUser(_Asked):
    """What is to change; what is absent stays."""

    role: Role | None = None
    """Role."""
    disabled: bool | None = None
    """Whether nothing of theirs is taken any more."""


class NewToken(_Asked):
    """A token to be."""

    label: Annotated[str, Field(min_length=1, max_length=100)]
    """What it is for."""
    scopes: Annotated[list[str], Field(min_length=1, max_length=4)]
    """What it may do: some of `read`, `decide`, `edit`, `manage`."""
    expires_in: Annotated[str, Field(max_length=12)] | None = None
    """When it ends, such as `90d`; never when absent."""
    name: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """Whose it is: one's own when absent. Only admins name others."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["accounts"], responses=FAILURES)
    people, tokens = state.accounts.people, state.accounts.tokens

    @router.get("/users", operation_id="list_users")
    def users() -> dict[str, Any]:
        """Everybody, by name."""
        return {"users": [user.to_json() for user in people.all()]}

    @router.post("/users", operation_id="invite_user", status_code=201)
    def invite(asked: Invited, request: Request) -> dict[str, Any]:
        """Invite somebody, or let somebody known choose a new password. The link works once, for a day."""
        by = principal_of(request).name
        state.audit.note(by, "user.invite", asked.name or "a name of their choice", f"role {asked.role}")
        code = people.invite(asked.name, asked.role, by)
        path = f"/welcome/{code}"
        return {"name": asked.name, "role": asked.role.value, "path": path, "link": f"{state.site.url}{path}"}

    @router.patch("/users/{name}", operation_id="change_user")
    def change(name: str, asked: ChangedUser, request: Request) -> dict[str, Any]:
        """Change a role, or take everything of a person out of force at once."""
        people.find(name)
        told = ", ".join(f"{key} {value}" for key, value in asked.model_dump(exclude_none=True).items())
        state.audit.note(principal_of(request).name, "user.change", name, told)
        return people.change(name, asked.role, asked.disabled).to_json()

    @router.delete("/users/{name}", operation_id="remove_user")
    def remove(name: str, request: Request) -> dict[str, Any]:
        """Take a person out, with sessions and tokens."""
        people.find(name)
        state.audit.note(principal_of(request).name, "user.remove", name)
        people.remove(name)
        return {"removed": name}

    @router.get("/tokens", operation_id="list_tokens")
    def list_tokens(request: Request) -> dict[str, Any]:
        """One's own tokens; for admins, everybody's."""
        principal = principal_of(request)
        return {"tokens": [token.to_json() for token in tokens.all(_whose(principal))]}

    @router.post("/tokens", operation_id="make_token", status_code=201)
    def make(asked: NewToken, request: Request) -> dict[str, Any]:
        """Make a token; it is shown this once."""
        principal = principal_of(request)
        if principal.proof is Proof.TOKEN:
            raise HTTPException(403, "a token cannot make tokens")
        name = asked.name or principal.name
        if name != principal.name and not principal.may(Right.MANAGE):
            raise HTTPException(403, "only an admin makes tokens for others")
        people.find(name)
        scopes = scopes_of(asked.scopes)
        expires_in_s = None if asked.expires_in is None else seconds_of(asked.expires_in)
        state.audit.note(principal.name, "token.make", name, f"{asked.label}: {', '.join(sorted(scopes))}")
        token, facts = tokens.make(name, asked.label, scopes, expires_in_s)
        return {"token": token, **facts.to_json()}

    @router.delete("/tokens/{token_id}", operation_id="revoke_token")
    def revoke(token_id: str, request: Request) -> dict[str, Any]:
        """Take a token out of force at once."""
        principal = principal_of(request)
        state.audit.note(principal.name, "token.revoke", token_id)
        tokens.revoke(token_id, _whose(principal))
        return {"revoked": token_id}

    return router


def _whose(principal: Principal) -> str | None:
    return None if principal.may(Right.MANAGE) else principal.name
