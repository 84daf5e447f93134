"""Puts the parts of the shop together."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stockade.sample import admin, orders, products, users
from stockade.sample.problems import ShopError, on_error, on_problem, on_status
from stockade.sample.state import Shop


async def _health(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def build(shop: Shop) -> Starlette:
    """The shop as an ASGI application."""
    application = Starlette(
        routes=[
            Route("/health", _health, methods=["GET"]),
            *users.ROUTES,
            *products.ROUTES,
            *orders.ROUTES,
            *admin.ROUTES,
        ],
        exception_handlers={ShopError: on_problem, HTTPException: on_status, Exception: on_error},
    )
    application.state.shop = shop
    return application
