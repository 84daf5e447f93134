"""`/api/v1/decisions`: what the gateway does to some actors, until a moment."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from stockade.app.control_state import ControlState
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
    router = APIRouter(prefix="/api/v1/decisions")

    @router.get("")
    def active() -> dict[str, Any]:
        """Active decisions, the next to end first."""
        return {"decisions": [decision.to_json() for decision in state.decisions.active()]}

    @router.post("", status_code=201)
    def take(asked: NewDecision) -> dict[str, Any]:
        """Count whom a decision would have hit in recent events, then take it."""
        taken = state.decisions.take(
            asked.selector, asked.action, asked.reason, seconds_of(asked.expires_in), preview=asked.preview
        )
        return {
            "decision": taken.decision.to_json(),
            "reach": asdict(taken.reach),
            "taken": taken.taken,
            "enforced": taken.enforced,
        }

    @router.delete("/{decision_id}")
    def undo(decision_id: str) -> dict[str, Any]:
        """Take a decision back."""
        if not state.decisions.undo(decision_id):
            raise HTTPException(404, "no active decision with this id")
        return {"removed": decision_id}

    return router
