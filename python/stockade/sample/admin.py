"""Running the shop: for administrators; refunds for support too."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stockade.sample.bodies import fields, number, path_id, text
from stockade.sample.callers import shop_of, user_with_role
from stockade.sample.problems import ShopError
from stockade.sample.products import by_id

_ROLES = ("customer", "support", "admin")


async def list_users(request: Request) -> Response:
    """Show all accounts."""
    user_with_role(request, "admin")
    role = request.query_params.get("role")
    if role is not None and role not in _ROLES:
        raise ShopError(422, "`role` is not as expected")
    rows = shop_of(request).database.rows(
        "SELECT id, name, email, role, member_since FROM users WHERE ? IS NULL OR role = ? ORDER BY id LIMIT 1000",
        (role, role),
    )
    return JSONResponse({"items": rows})


async def get_stats(request: Request) -> Response:
    """Count users, orders and money."""
    user_with_role(request, "admin")
    numbers = shop_of(request).database.row(
        "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM orders) AS orders, "
        "(SELECT coalesce(sum(amount_cents), 0) FROM payments WHERE status = 'paid') AS paid_cents"
    )
    return JSONResponse(numbers)


async def refund_payment(request: Request) -> Response:
    """Pay back."""
    shop = shop_of(request)
    user_with_role(request, "admin", "support")
    sent = await fields(request, {"reason": text(1, 500)})
    payment_id = path_id(request, "payment_id")
    with shop.database.transaction():
        payment = shop.database.row("SELECT * FROM payments WHERE id = ?", (payment_id,))
        if payment is None:
            raise ShopError(404, "no such payment")
        if payment["status"] != "paid":
            raise ShopError(409, "it was paid back already")
        shop.database.change(
            "UPDATE payments SET status = 'refunded', refund_reason = ? WHERE id = ?", (sent["reason"], payment_id)
        )
        shop.database.change("UPDATE orders SET status = 'refunded' WHERE id = ?", (payment["order_id"],))
    return JSONResponse({"id": payment_id, "status": "refunded", "amount_cents": payment["amount_cents"]})


async def change_product(request: Request) -> Response:
    """Change price and stock of a product."""
    shop = shop_of(request)
    user_with_role(request, "admin")
    product = by_id(shop, path_id(request, "product_id"))
    sent = await fields(request, {}, {"price_cents": number(0, 10_000_000), "stock": number(0, 100_000)})
    if not sent:
        raise ShopError(422, "expected something to change")
    changed = {**product, **sent}
    shop.database.change(
        "UPDATE products SET price_cents = ?, stock = ? WHERE id = ?",
        (changed["price_cents"], changed["stock"], product["id"]),
    )
    return JSONResponse({key: changed[key] for key in ("id", "name", "price_cents", "stock")})


ROUTES = [
    Route("/admin/users", list_users, methods=["GET"]),
    Route("/admin/stats", get_stats, methods=["GET"]),
    Route("/admin/payments/{payment_id:int}/refund", refund_payment, methods=["POST"]),
    Route("/admin/products/{product_id:int}", change_product, methods=["PATCH"]),
]
"""Routes of this part."""
