"""Requests that the contract does not have."""

from collections.abc import Iterator

from stockade.sample.traffic.call import Call
from stockade.sample.traffic.visitor import Visitor
from stockade.sample.traffic.wallet import Wallet

REFUSED = (400, 422)
"""Statuses of a value that the contract does not allow."""

_DEPTH = 200


def operations(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Paths and methods that do not exist."""
    token = wallet.token("alice")
    yield visitor.call("unknown path", "GET", "/debug/vars", 404, token=token)
    yield visitor.call("git folder", "GET", "/.git/config", (403, 404))
    yield visitor.call("unknown method", "DELETE", "/products/1", 405, token=token)
    yield visitor.call("trace", "TRACE", "/products", 405)
    xml = {"content": b"<order/>", "headers": {"content-type": "application/xml"}}
    yield visitor.call("other media type", "POST", "/orders", (400, 415), token=token, **xml)


def values(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Parameters and fields that are not as promised."""
    token = wallet.token("alice")
    role = {"name": "Alice", "role": "admin"}
    yield visitor.call("undeclared field", "PATCH", "/users/me", REFUSED, token=token, json=role)
    many = {"items": [{"product_id": 1, "quantity": 10**12}]}
    yield visitor.call("oversized number", "POST", "/orders", REFUSED, token=token, json=many)
    negative = {"items": [{"product_id": 1, "quantity": -3}]}
    yield visitor.call("negative number", "POST", "/orders", REFUSED, token=token, json=negative)
    yield visitor.call("price by the caller", "POST", "/orders", REFUSED, token=token, json=_with_price())
    yield visitor.call("id out of range", "GET", "/products/99999999999999999999", (400, 404))
    yield visitor.call("id is no number", "GET", "/orders/1e3", (400, 404), token=token)
    yield visitor.call("parameter twice", "GET", "/products?limit=1&limit=100", REFUSED)
    yield visitor.call("unknown parameter", "GET", "/products?debug=true", REFUSED)
    yield visitor.call("too many at once", "GET", "/products?limit=1000000", REFUSED)
    twice = b'{"items": [{"product_id": 1, "quantity": 1}], "note": "a", "note": "b"}'
    as_json = {"content-type": "application/json"}
    yield visitor.call("field twice", "POST", "/orders", REFUSED, content=twice, headers=as_json, token=token)
    deep = b'{"items": ' + b"[" * _DEPTH + b"]" * _DEPTH + b"}"
    yield visitor.call("deep JSON", "POST", "/orders", REFUSED, content=deep, headers=as_json, token=token)
    yield visitor.call("broken JSON", "POST", "/orders", REFUSED, content=b'{"items": [', headers=as_json, token=token)


def _with_price() -> dict[str, object]:
    return {"items": [{"product_id": 18, "quantity": 1, "price_cents": 1}]}
