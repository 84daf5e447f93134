"""`/api/v1/actors`, `/api/v1/incidents`, `/api/v1/model`: what behaviour saw, and what people say to it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from stockade.app.admin.answers import FAILURES, principal_of
from stockade.app.behaviour import Watching
from stockade.app.control_state import ControlState
from stockade.app.duration import seconds_of


class Correction(BaseModel):
    """That an incident is normal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """Why, for people."""
    expires_in: Annotated[str, Field(max_length=12)] = "30d"
    """How long it holds."""
    scope: Literal["actor", "operation", "role"] = "actor"
    """For whom it holds."""


class Back(BaseModel):
    """Where to go back to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: int
    """Moment, microseconds since the epoch."""


class Switch(BaseModel):
    """Whether decisions are taken automatically."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decides: bool
    """Whether they are."""


Limit = Annotated[int, Query(ge=1, le=1000)]


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1", tags=["behaviour"], responses=FAILURES)

    def watching() -> Watching:
        if state.watching is None:
            raise HTTPException(404, "behaviour is off: `behaviour.act` in the config says so")
        return state.watching

    @router.get("/actors", operation_id="list_actors")
    def actors(limit: Limit = 50) -> dict[str, Any]:
        """Actors with something against them, the worst first."""
        return {"actors": watching().actors(limit)}

    @router.get("/actors/{key:path}", operation_id="show_actor")
    def actor(key: str) -> dict[str, Any]:
        """All that is known of one actor."""
        found = watching().actor(key)
        if found is None:
            raise HTTPException(404, "no such actor is remembered")
        return found

    @router.get("/incidents", operation_id="list_incidents")
    def incidents(limit: Limit = 50) -> dict[str, Any]:
        """Incidents, the newest first."""
        return {"incidents": watching().incidents(limit)}

    @router.get("/incidents/{name}", operation_id="show_incident")
    def incident(name: str) -> dict[str, Any]:
        """One incident."""
        found = watching().incident(name)
        if found is None:
            raise HTTPException(404, "no such incident is remembered")
        return found

    @router.post("/incidents/{name}/normal", operation_id="call_normal", status_code=201)
    def normal(name: str, asked: Correction, request: Request) -> dict[str, Any]:
        """Say that an incident is normal: its decisions are taken back, and the like is no abuse for a while."""
        expires_in_s = seconds_of(asked.expires_in)
        there = watching()
        state.audit.note(principal_of(request).name, "incident.normal", f"{name} for {asked.scope}", asked.reason)
        return {"normal": there.is_normal(name, asked.reason, expires_in_s, asked.scope)}

    @router.delete("/normal/{name}", operation_id="forget_normal")
    def forget(name: str, request: Request) -> dict[str, Any]:
        """Take a correction back."""
        there = watching()
        state.audit.note(principal_of(request).name, "incident.forget_normal", name)
        if not there.forget_normal(name):
            raise HTTPException(404, "no correction with this id")
        return {"removed": name}

    @router.get("/model", operation_id="show_model")
    def model() -> dict[str, Any]:
        """What was learned, in numbers."""
        return watching().model()

    @router.post("/model/rollback", operation_id="roll_model_back")
    def rollback(asked: Back, request: Request) -> dict[str, Any]:
        """Go back to what was known at a moment."""
        there = watching()
        state.audit.note(principal_of(request).name, "model.rollback", str(asked.to))
        return {"moment": there.rollback(asked.to)}

    @router.post("/model/switch", operation_id="switch_decisions")
    def switch(asked: Switch, request: Request) -> dict[str, Any]:
        """Switch automatic decisions on or off; off takes all back."""
        there = watching()
        state.audit.note(principal_of(request).name, "model.switch", f"decides {asked.decides}")
        there.switch(asked.decides)
        return {"decides": asked.decides}

    return router
