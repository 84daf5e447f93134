"""Attacks on identity and access."""

from collections.abc import Iterator

from stockade.sample.seed import ALICE, ORDERS
from stockade.sample.traffic.call import Call
from stockade.sample.traffic.visitor import Visitor
from stockade.sample.traffic.wallet import Wallet

GUESSES = 20
"""Passwords that are guessed in a row."""


def credentials(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """No credential, and credentials that prove nothing."""
    yield visitor.call("no token", "GET", "/orders", 401)
    yield visitor.call("alg none", "GET", "/admin/users", 401, token=wallet.unsigned())
    yield visitor.call("signed by somebody else", "GET", "/admin/users", 401, token=wallet.forged())
    yield visitor.call("expired", "GET", "/admin/users", 401, token=wallet.expired())
    genuine = wallet.token("alice")
    other = wallet.token("ada")
    parts, admin = genuine.split("."), other.split(".")
    if len(parts) == len(admin) == 3:
        mixed = f"{parts[0]}.{admin[1]}.{parts[2]}"
        yield visitor.call("claims exchanged", "GET", "/admin/users", 401, token=mixed)
    yield visitor.call("no such key", "GET", "/partner/stock", 401, headers={"x-api-key": "partner-0000000000000000"})


def functions(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Administration by those who do not run the shop."""
    token = wallet.token("bob")
    yield visitor.call("accounts", "GET", "/admin/users", 403, token=token)
    yield visitor.call("own price", "PATCH", "/admin/products/18", 403, token=token, json={"price_cents": 1})
    refund = {"reason": "because I can"}
    yield visitor.call("own refund", "POST", "/admin/payments/2/refund", 403, token=token, json=refund)
    yield visitor.call("support as admin", "GET", "/admin/stats", 403, token=wallet.token("sam"))
    yield visitor.call("partner as admin", "GET", "/admin/stats", 403, headers={"x-api-key": wallet.partner_key})
    yield visitor.call("user as partner", "GET", "/partner/stock", 403, token=token)


def objects(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """What belongs to other users: read, changed and paid by somebody who only counts ids up."""
    token = wallet.token("bob")
    order, payment = wallet.ids.get("order", 1), wallet.ids.get("payment", 1)
    yield visitor.call("account of another", "GET", f"/users/{ALICE.id}", 403, token=token)
    for number in (order, ORDERS[0].id, ORDERS[2].id):
        yield visitor.call("order of another", "GET", f"/orders/{number}", 403, token=token)
    note = {"note": "to my door instead"}
    yield visitor.call("its note changed", "PATCH", f"/orders/{order}", 403, token=token, json=note)
    yield visitor.call("it cancelled", "DELETE", f"/orders/{order}", 403, token=token)
    pay = {"method": "card", "reference": "tok_1881-visa"}
    yield visitor.call("it paid", "POST", f"/orders/{order}/payments", 403, token=token, json=pay)
    for number in (payment, ORDERS[0].id):
        yield visitor.call("payment of another", "GET", f"/payments/{number}", 403, token=token)


def path_tricks(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """The same path in another form."""
    token = wallet.token("bob")
    yield visitor.raw("escaped letter", "/%61dmin/users", 403, token)
    yield visitor.raw("dot segments", "/products/../admin/users", 403, token)
    yield visitor.raw("escaped dots", "/products/%2e%2e/admin/users", 403, token)
    yield visitor.raw("below the root", "/%2e%2e/admin/users", 400, token)
    yield visitor.raw("two slashes", "//admin/users", 400, token)
    yield visitor.raw("semicolon", "/health/..;/admin/users", 400, token)
    yield visitor.raw("backslash", "/health\\..\\admin\\users", 400, token)
    yield visitor.raw("capital letters", "/ADMIN/users", (403, 404), token)
    yield visitor.raw("NUL", "/admin/users%00.png", 400, token)


def guessing(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Guess a password until the gateway has had enough."""
    call: Call | None = None
    for number in range(GUESSES):
        sent = {"email": ALICE.email, "password": f"summer-{2000 + number}!"}
        call = visitor.call(f"{GUESSES} guesses", "POST", "/sessions", 429, json=sent)
        if call.status == 429:
            break
    if call is not None:
        yield call
