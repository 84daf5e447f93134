"""Builds the admin application from its routes."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from stockade.app.admin import behaviour, decisions, events, health, overview, queries
from stockade.app.control_state import ControlState
from stockade.core.errors import StockadeError


def build(state: ControlState) -> FastAPI:
    """Build the application. The pages that describe it are off: they would be served without need.

    Args:
        state: what the routes read and change.
    """
    app = FastAPI(title="Stockade admin", docs_url=None, redoc_url=None, openapi_url=None)
    for part in (health, overview, events, queries, decisions, behaviour):
        app.include_router(part.routes(state))
    app.add_exception_handler(StockadeError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    return app


def _refused(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, StockadeError):
        raise error
    return _error(400, error.code, error.message, error.hint)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return _error(400, "admin.invalid", f"invalid `{where}`: {str(first['msg']).lower()}", None)


def _unknown(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return _error(error.status_code, f"admin.{error.status_code}", str(error.detail).lower(), None)


def _error(status: int, code: str, message: str, hint: str | None) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)
