"""Errors of the shop as problem documents (RFC 9457)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


class ShopError(Exception):
    """Ends a request with a status and a sentence for the caller."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


def answer(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem document."""
    content = {"title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    return JSONResponse(content, status, headers, media_type="application/problem+json")


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer a `ShopError`."""
    if not isinstance(error, ShopError):
        return answer(500, "something went wrong")
    return answer(error.status, error.detail, error.headers)


async def on_status(request: Request, error: Exception) -> Response:
    """Answer for the framework: unknown paths and methods."""
    status = int(getattr(error, "status_code", 500))
    return answer(status, TITLES.get(status, "error").lower())


async def on_error(request: Request, error: Exception) -> Response:
    """Answer for a fault of the shop, without telling about it."""
    return answer(500, "something went wrong")
