"""`/api/v1/policy`: what the config file says, its versions, and changes of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from stockade.app.admin.answers import FAILURES, principal_of
from stockade.app.control_state import ControlState

Text = Annotated[str, Field(max_length=1024 * 1024)]
Number = Annotated[int, Path(ge=1, le=2**53)]
Why = Annotated[str, Field(min_length=1, max_length=500)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Candidate(_Asked):
    """A config to be checked."""

    text: Text
    """What the config file would say."""


class Change(Candidate):
    """A change of the config file."""

    reason: Why
    """Why, for the people who come later."""


class Restore(_Asked):
    """A way back."""

    reason: Why
    """Why."""


class NewException(_Asked):
    """A finding that is to be let pass."""

    api: Annotated[str, Field(min_length=1, max_length=200)]
    """API, by its name in config."""
    operation: Annotated[str, Field(max_length=500)] | None = None
    """Operation id; any when absent."""
    place: Annotated[str, Field(max_length=500)] | None = None
    """Place in the request; any when absent."""
    detector: Annotated[str, Field(max_length=200)] | None = None
    """Detector; any when absent."""
    reason: Why
    """Why."""
    expires: Annotated[str, Field(max_length=40)] | None = None
    """When it ends, such as `2027-01-01`; never when absent."""


def routes(state: ControlState) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/api/v1/policy", tags=["policy"], responses=FAILURES)
    changes = state.changes

    @router.get("", operation_id="show_policy")
    def show() -> dict[str, Any]:
        """Whether the config file is in force, and the versions of it."""
        status = state.policy_status()
        return {
            "file": changes.file,
            "ok": status.ok,
            "bundle": status.bundle,
            "problems": list(status.problems),
            "versions": [version.to_json() for version in changes.history.all()],
        }

    @router.get("/source", operation_id="read_policy")
    def source() -> dict[str, Any]:
        """What the config file says."""
        return {"file": changes.file, "text": changes.text()}

    @router.post("/check", operation_id="check_policy")
    def check(asked: Candidate) -> dict[str, Any]:
        """What `stockade check` says of a text, and how it differs from the config file."""
        return {**changes.check(asked.text).to_json(), "diff": changes.diff(asked.text)}

    @router.post("/changes", operation_id="change_policy", status_code=201)
    def change(asked: Change, request: Request) -> dict[str, Any]:
        """Make a text the config file, and put it in force."""
        return {"version": changes.change(asked.text, principal_of(request).name, asked.reason)}

    @router.get("/versions/{version}", operation_id="show_version")
    def version(version: Number) -> dict[str, Any]:
        """What the config file said at a version, and how it differs from what it says now."""
        text = changes.history.source(version)
        return {"version": version, "text": text, "diff": changes.diff(changes.text(), text)}

    @router.post("/versions/{version}/restore", operation_id="restore_version", status_code=201)
    def restore(version: Number, asked: Restore, request: Request) -> dict[str, Any]:
        """Make the config file say again what it said at a version."""
        return {"version": changes.restore(version, principal_of(request).name, asked.reason)}

    @router.post("/exceptions", operation_id="add_exception", status_code=201)
    def add_exception(asked: NewException, request: Request) -> dict[str, Any]:
        """Let a finding of the stage `inspect` pass from now on."""
        exception = asked.model_dump(exclude_none=True, exclude={"api"})
        return {"version": changes.add_exception(asked.api, exception, principal_of(request).name)}

    return router
