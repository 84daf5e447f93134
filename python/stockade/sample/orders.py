"""Orders and payments of the caller."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stockade.sample.bodies import fields, number, path_id, text
from stockade.sample.callers import Caller, owns, shop_of, user
from stockade.sample.database import Row
from stockade.sample.problems import ShopError
from stockade.sample.state import Shop

_METHODS = ("card", "transfer", "voucher")
_PAYMENT = ("id", "order_id", "amount_cents", "method", "status")
_MOST_ITEMS = 50


def _shown(shop: Shop, order: Row) -> Row:
    items = shop.database.rows(
        "SELECT product_id, name, quantity, order_items.price_cents FROM order_items "
        "JOIN products ON products.id = product_id WHERE order_id = ?",
        (order["id"],),
    )
    return {**{key: order[key] for key in ("id", "status", "total_cents", "note", "placed_at")}, "items": items}


def _own(request: Request, caller: Caller) -> Row:
    order = shop_of(request).database.row("SELECT * FROM orders WHERE id = ?", (path_id(request, "order_id"),))
    # Somebody else's order does not exist for the caller.
    if order is None or not owns(request, caller, order["user_id"]):
        raise ShopError(404, "no such order")
    return order


def _is_item(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"product_id", "quantity"}
        and number(1, 2**31 - 1)(value["product_id"])
        and number(1, 100)(value["quantity"])
    )


def _are_items(value: Any) -> bool:
    return isinstance(value, list) and 1 <= len(value) <= _MOST_ITEMS and all(_is_item(item) for item in value)


async def list_orders(request: Request) -> Response:
    """Show the caller's orders."""
    shop, caller = shop_of(request), user(request)
    rows = shop.database.rows("SELECT * FROM orders WHERE user_id = ? ORDER BY id DESC LIMIT 100", (caller.id,))
    return JSONResponse({"items": [_shown(shop, row) for row in rows]})


async def create_order(request: Request) -> Response:
    """Place an order. Prices come from the database, whatever the caller says."""
    shop, caller = shop_of(request), user(request)
    sent = await fields(request, {"items": _are_items}, {"note": text(0, 4000)})
    placed = datetime.fromtimestamp(shop.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with shop.database.transaction():
        priced = [(item, _take(shop, item["product_id"], item["quantity"])) for item in sent["items"]]
        total = sum(item["quantity"] * price for item, price in priced)
        order_id = shop.database.change(
            "INSERT INTO orders (user_id, total_cents, note, placed_at) VALUES (?, ?, ?, ?)",
            (caller.id, total, sent.get("note", ""), placed),
        )
        for item, price in priced:
            shop.database.change(
                "INSERT INTO order_items VALUES (?, ?, ?, ?)",
                (order_id, item["product_id"], item["quantity"], price),
            )
    order = shop.database.row("SELECT * FROM orders WHERE id = ?", (order_id,))
    return JSONResponse(_shown(shop, order or {}), 201, {"location": f"/orders/{order_id}"})


def _take(shop: Shop, product_id: int, quantity: int) -> int:
    """Take goods from the stock; their price in cents."""
    product = shop.database.row("SELECT price_cents, stock FROM products WHERE id = ?", (product_id,))
    if product is None:
        raise ShopError(422, f"there is no product {product_id}")
    if product["stock"] < quantity:
        raise ShopError(409, f"product {product_id} is sold out")
    shop.database.change("UPDATE products SET stock = stock - ? WHERE id = ?", (quantity, product_id))
    return int(product["price_cents"])


async def get_order(request: Request) -> Response:
    """Show an order to its owner."""
    return JSONResponse(_shown(shop_of(request), _own(request, user(request))))


async def update_order(request: Request) -> Response:
    """Change the note of an order."""
    shop, order = shop_of(request), _own(request, user(request))
    sent = await fields(request, {"note": text(0, 4000)})
    shop.database.change("UPDATE orders SET note = ? WHERE id = ?", (sent["note"], order["id"]))
    return JSONResponse(_shown(shop, {**order, "note": sent["note"]}))


async def cancel_order(request: Request) -> Response:
    """Cancel an order that is not paid yet; the goods go back into the stock."""
    shop, order = shop_of(request), _own(request, user(request))
    with shop.database.transaction():
        _become(shop, order["id"], "cancelled")
        for item in shop.database.rows("SELECT * FROM order_items WHERE order_id = ?", (order["id"],)):
            shop.database.change(
                "UPDATE products SET stock = stock + ? WHERE id = ?", (item["quantity"], item["product_id"])
            )
    return Response(status_code=204)


def _become(shop: Shop, order_id: int, status: str) -> None:
    order = shop.database.row("SELECT status FROM orders WHERE id = ?", (order_id,))
    if order is None or order["status"] != "open":
        raise ShopError(409, "the order is not open any more")
    shop.database.change("UPDATE orders SET status = ? WHERE id = ?", (status, order_id))


async def pay_order(request: Request) -> Response:
    """Pay an order, for what it costs."""
    shop, order = shop_of(request), _own(request, user(request))
    sent = await fields(request, {"method": lambda value: value in _METHODS, "reference": text(4, 64)})
    with shop.database.transaction():
        _become(shop, order["id"], "paid")
        payment_id = shop.database.change(
            "INSERT INTO payments (order_id, amount_cents, method, reference) VALUES (?, ?, ?, ?)",
            (order["id"], order["total_cents"], sent["method"], sent["reference"]),
        )
    payment = shop.database.row("SELECT * FROM payments WHERE id = ?", (payment_id,)) or {}
    return JSONResponse({key: payment[key] for key in _PAYMENT}, 201)


async def get_payment(request: Request) -> Response:
    """Show a payment to its owner."""
    shop, caller = shop_of(request), user(request)
    payment = shop.database.row(
        "SELECT payments.*, user_id FROM payments JOIN orders ON orders.id = order_id WHERE payments.id = ?",
        (path_id(request, "payment_id"),),
    )
    if payment is None or not owns(request, caller, payment["user_id"]):
        raise ShopError(404, "no such payment")
    return JSONResponse({key: payment[key] for key in _PAYMENT})


ROUTES = [
    Route("/orders", list_orders, methods=["GET"]),
    Route("/orders", create_order, methods=["POST"]),
    Route("/orders/{order_id:int}", get_order, methods=["GET"]),
    Route("/orders/{order_id:int}", update_order, methods=["PATCH"]),
    Route("/orders/{order_id:int}", cancel_order, methods=["DELETE"]),
    Route("/orders/{order_id:int}/payments", pay_order, methods=["POST"]),
    Route("/payments/{payment_id:int}", get_payment, methods=["GET"]),
]
"""Routes of this part."""
