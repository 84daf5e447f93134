"""What the admin API answers with when something is wrong, and who asked, for its routes."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stockade.app.accounts.principal import Principal
from stockade.app.errors import ConfigProblemsError
from stockade.core.errors import StockadeError

MISSING = frozenset(
    {"users.unknown", "tokens.unknown", "query.unknown", "decision.unknown", "explain.no_bundle", "policy.version"}
)
"""Codes of things that are not there."""

UNAVAILABLE = ("control.database", "audit.", "gateway.unreachable")
"""Beginnings of codes of parts that do not answer."""

FORBIDDEN = ("signin.",)
"""Beginnings of codes of people who did not prove who they are."""


_TEXT = {"type": "string"}
_FAILURE = {
    "title": "Failure",
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "description": "What was expected and what came: a stable code, words for people, what to do about it.",
            "required": ["code", "message"],
            "properties": {"code": _TEXT, "message": _TEXT, "hint": {"type": ["string", "null"]}},
        }
    },
}

FAILURES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "What is wrong.", "content": {"application/json": {"schema": _FAILURE}}}
}
"""What the description says of every operation."""


def principal_of(request: Request) -> Principal:
    """Who asks. Only for operations that somebody must be signed in for."""
    principal = getattr(request.state, "principal", None)
    if not isinstance(principal, Principal):
        raise HTTPException(401, "expected somebody who is signed in")
    return principal


def refused(_request: Request, error: Exception) -> JSONResponse:
    """The answer to a `StockadeError`."""
    if not isinstance(error, StockadeError):
        raise error
    message = error.message
    if isinstance(error, ConfigProblemsError):
        message = "\n".join(str(problem) for problem in error.problems)
    return failure(status_of(error.code), error.code, message, error.hint)


def status_of(code: str) -> int:
    """The status that goes with a code."""
    if code in MISSING:
        return 404
    if code.startswith(UNAVAILABLE):
        return 503
    if code.startswith(FORBIDDEN):
        return 429 if code == "signin.wait" else 403
    return 400


def invalid(_request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that is not as the description says."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return failure(400, "admin.invalid", f"invalid `{where}`: {str(first['msg']).lower()}", None)


def unknown(_request: Request, error: Exception) -> JSONResponse:
    """The answer to what is not there, or not so."""
    if not isinstance(error, HTTPException):
        raise error
    answer = failure(error.status_code, f"admin.{error.status_code}", str(error.detail).lower(), None)
    answer.headers.update(error.headers or {})
    return answer


def failure(status: int, code: str, message: str, hint: str | None) -> JSONResponse:
    """An answer that says what is wrong."""
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)
