"""`/api/v1/decisions`: what the gateway does to some actors, until a moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from stockade.app.admin.answers import FAILURES, principal_of
from stockade.app.control_state import ControlState
from stockade.app.decisions import Taken
from stockade.app.duration import seconds_of
from stockade.model.decision import DecisionAction


class NewDecision(BaseModel):
    """What a caller asks for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: dict[str, str] = Field(max_length=16)
    """Attributes that must all be equal."""
    action: DecisionAction = DecisionAction.BLOCK
    """What is to be done."""
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    """Why, for people."""
    expires_in: Annotated[str, Field(max_length=12)]
    """When it ends, such as `10m`."""
    preview: bool = False
    """Only count whom it would hit."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/decisions", tags=["decisions"], responses=FAILURES)

    @router.get("", operation_id="list_decisions")
    def active() -> dict[str, Any]:
        """Active decisions, the next to end first."""
        return {"decisions": [decision.to_json() for decision in state.decisions.active()]}

    @router.post("", operation_id="take_decision", status_code=201)
    def take(asked: NewDecision, request: Request) -> dict[str, Any]:
        """Count whom a decision would have hit in recent events, then take it."""
        expires_in_s = seconds_of(asked.expires_in)
        counted = state.decisions.take(asked.selector, asked.action, asked.reason, expires_in_s, preview=True)
        if asked.preview:
            return _shown(counted)
        whom = " ".join(f"{name}={value}" for name, value in sorted(asked.selector.items()))
        subject = f"{asked.action} {whom} for {asked.expires_in}"
        state.audit.note(principal_of(request).name, "decision.take", subject, asked.reason)
        taken = state.decisions.take(asked.selector, asked.action, asked.reason, expires_in_s, preview=False)
        return _shown(taken)

    @router.delete("/{decision_id}", operation_id="undo_decision")
    def undo(decision_id: str, request: Request) -> dict[str, Any]:
        """Take a decision back."""
        found = next((one for one in state.decisions.active() if one.id == decision_id), None)
        if found is None:
            raise HTTPException(404, "no active decision with this id")
        whom = " ".join(f"{name}={value}" for name, value in sorted(found.selector.items()))
        state.audit.note(principal_of(request).name, "decision.undo", f"{found.action} {whom}", found.reason)
        state.decisions.undo(decision_id)
        return {"removed": decision_id}

    return router


def _shown(taken: Taken) -> dict[str, Any]:
    return {
        "decision": taken.decision.to_json(),
        "reach": asdict(taken.reach),
        "taken": taken.taken,
        "enforced": taken.enforced,
    }
