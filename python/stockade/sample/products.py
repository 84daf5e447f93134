"""Products and their reviews; and the stock, for partners."""

import sqlite3
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stockade.sample.bodies import fields, number, path_id, text
from stockade.sample.callers import partner, shop_of, user
from stockade.sample.database import Row
from stockade.sample.problems import ShopError
from stockade.sample.state import Shop

_SHOWN = ("id", "name", "description", "category", "price_cents")
_CATEGORIES = ("tea", "coffee", "books", "garden", "kitchen")
_ORDER = {"name": "name, id", "price": "price_cents, id", "newest": "id DESC"}


def shown(shop: Shop, row: Row) -> Row:
    """A product as callers see it."""
    if shop.flaws.excessive_data:
        return row
    return {**{key: row[key] for key in _SHOWN}, "in_stock": row["stock"] > 0}


def by_id(shop: Shop, product_id: int) -> Row:
    """A product.

    Raises:
        ShopError: 404.
    """
    found = shop.database.row("SELECT * FROM products WHERE id = ?", (product_id,))
    if found is None:
        raise ShopError(404, "no such product")
    return found


def _whole(request: Request, name: str, default: int, most: int) -> int:
    value = request.query_params.get(name)
    if value is None:
        return default
    if not value.isascii() or not value.isdigit() or int(value[:12]) > most:
        raise ShopError(422, f"`{name}` is not as expected")
    return int(value[:12])


async def list_products(request: Request) -> Response:
    """Search products."""
    shop, query = shop_of(request), request.query_params
    category, words = query.get("category"), query.get("q", "")[:100]
    order = _ORDER.get(query.get("sort", "name"))
    if order is None or (category is not None and category not in _CATEGORIES):
        raise ShopError(422, "`sort` or `category` is not as expected")
    conditions, values = ["price_cents <= ?"], [_whole(request, "max_price_cents", 10_000_000, 10_000_000)]
    bound: list[Any] = list(values)
    if category is not None:
        conditions.append("category = ?")
        bound.append(category)
    if words and shop.flaws.sql_injection:
        conditions.append(f"(name LIKE '%{words}%' OR description LIKE '%{words}%')")
    elif words:
        conditions.append("(instr(lower(name), lower(?)) > 0 OR instr(lower(description), lower(?)) > 0)")
        bound += [words, words]
    page = (_whole(request, "limit", 20, 100), _whole(request, "offset", 0, 100_000))
    statement = f"SELECT * FROM products WHERE {' AND '.join(conditions)} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    try:
        rows = shop.database.rows(statement, (*bound, *page))
    except sqlite3.Error as error:
        if not shop.flaws.sql_injection:
            raise
        # Part of the flaw: the database's own words go to the caller.
        raise ShopError(500, f"sqlite3.OperationalError: {error}") from error
    return JSONResponse({"items": [shown(shop, row) for row in rows]})


async def get_product(request: Request) -> Response:
    """Show a product."""
    shop = shop_of(request)
    return JSONResponse(shown(shop, by_id(shop, path_id(request, "product_id"))))


async def list_reviews(request: Request) -> Response:
    """Show the reviews of a product, newest first."""
    shop = shop_of(request)
    product = by_id(shop, path_id(request, "product_id"))
    rows = shop.database.rows(
        "SELECT reviews.id, rating, text, users.name AS by FROM reviews JOIN users ON users.id = user_id "
        "WHERE product_id = ? ORDER BY reviews.id DESC LIMIT 100",
        (product["id"],),
    )
    return JSONResponse({"items": rows})


async def create_review(request: Request) -> Response:
    """Review a product; a second review by the same user replaces the first."""
    shop, caller = shop_of(request), user(request)
    product = by_id(shop, path_id(request, "product_id"))
    sent = await fields(request, {"rating": number(1, 5), "text": text(1, 4000)})
    review = shop.database.change(
        "INSERT OR REPLACE INTO reviews (product_id, user_id, rating, text) VALUES (?, ?, ?, ?)",
        (product["id"], caller.id, sent["rating"], sent["text"]),
    )
    return JSONResponse({"id": review, **sent}, 201)


async def list_stock(request: Request) -> Response:
    """Show the stock to a partner."""
    partner(request)
    return JSONResponse({"items": shop_of(request).database.rows("SELECT id, name, stock FROM products ORDER BY id")})


ROUTES = [
    Route("/products", list_products, methods=["GET"]),
    Route("/products/{product_id:int}", get_product, methods=["GET"]),
    Route("/products/{product_id:int}/reviews", list_reviews, methods=["GET"]),
    Route("/products/{product_id:int}/reviews", create_review, methods=["POST"]),
    Route("/partner/stock", list_stock, methods=["GET"]),
]
"""Routes of this part."""
