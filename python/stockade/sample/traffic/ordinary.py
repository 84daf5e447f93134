"""Ordinary clients. Their words hold apostrophes, code and SQL keywords, as people's words do; all of it must pass."""

from collections.abc import Iterator
from urllib.parse import quote

from stockade.sample.pictures import BUILT_IN_HOST, PIXEL
from stockade.sample.seed import ADA, ALICE, BOB, SAM, ZOE
from stockade.sample.traffic.call import Call
from stockade.sample.traffic.visitor import Visitor
from stockade.sample.traffic.wallet import Wallet

SEARCHES = (
    "O'Brien",
    "tea",
    "select",
    "union jack",
    "rock 'n' roll",
    "salt & pepper",
    "crème brûlée",
    "50/50",
    "fish -- fresh",
    "where the wild",
    "1 or 2 persons",
    "<3",
    "C++ & C#",
    "日本茶",
)
"""What people type into a search box."""

PROSE = (
    "Please select the blue one, or drop it at my neighbour's and insert the invoice. Thanks!",
    "It's for Mr. O'Neill's party -- he'll order from you again; that's a promise.",
    "Delivery: 10am - 1pm; if nobody's home, update me & delete the old address (see order #12).",
    "Wir hätten's gern bis Freitag. Größe 42, 50 % Rabatt? Merci ;-)",
)
"""Notes on orders."""

REVIEWS = (
    "The chapter on joins is great: `SELECT name FROM beds JOIN seeds USING (bed_id)` finally makes sense to me.",
    "# Five stars\n\n- crisp *flavour*\n- fast delivery\n\n> again!\n\n```python\nif cups > 3:\n    sleep(0)\n```",
    "Price/quality = top! (Was 12 < 15 EUR elsewhere.) Don't grind it too fine; 1/2 spoon is enough...",
)
"""Reviews, with markdown and code."""


def log_in(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """The seeded users log in."""
    for user in (ALICE, BOB, ZOE, SAM, ADA):
        sent = {"email": user.email, "password": user.password}
        yield visitor.call(f"{user.name} logs in", "POST", "/sessions", 200, json=sent)
        if isinstance(visitor.answer, dict):
            wallet.tokens[user.email.partition("@")[0]] = str(visitor.answer.get("token", ""))


def sign_up(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Somebody new makes an account and logs in."""
    email, password = f"new-{wallet.now}@mail.example", "it's a b3tter pass-phrase; really!"
    sent = {"name": "Siobhán D'Arcy-Müller", "email": email, "password": password}
    yield visitor.call("sign up", "POST", "/users", 201, json=sent)
    yield visitor.call("log in", "POST", "/sessions", 200, json={"email": email, "password": password})
    wrong = {"email": email, "password": "mistyped it once"}
    yield visitor.call("mistyped password", "POST", "/sessions", 401, json=wrong)


def browse(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Look around without an account."""
    yield visitor.call("is it up?", "GET", "/health", 200)
    yield visitor.call("first page", "GET", "/products?limit=10&offset=0&sort=price", 200)
    yield visitor.call("category", "GET", "/products?category=books&max_price_cents=3000", 200)
    yield visitor.call("one product", "GET", "/products/10", 200)
    yield visitor.call("its reviews", "GET", "/products/10/reviews", 200)
    yield visitor.call("head only", "HEAD", "/products/1", 200)
    yield visitor.call("sold long ago", "GET", "/products/99999", 404)


def search(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Search for what people search for."""
    for words in SEARCHES:
        yield visitor.call(f"search {words}", "GET", f"/products?q={quote(words)}", 200)


def order_and_pay(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Order, pay, look at it; order again and cancel."""
    token = wallet.token("alice")
    sent = {"items": [{"product_id": 1, "quantity": 2}, {"product_id": 18, "quantity": 1}], "note": PROSE[0]}
    yield visitor.call("order", "POST", "/orders", 201, token=token, json=sent)
    wallet.keep("order", visitor.answer)
    order = f"/orders/{wallet.ids.get('order', 1)}"
    yield visitor.call("look at it", "GET", order, 200, token=token)
    pay = {"method": "card", "reference": "tok_4242-visa"}
    yield visitor.call("pay", "POST", f"{order}/payments", 201, token=token, json=pay)
    wallet.keep("payment", visitor.answer)
    payment = f"/payments/{wallet.ids.get('payment', 1)}"
    yield visitor.call("look at the payment", "GET", payment, 200, token=token)
    yield visitor.call("all orders", "GET", "/orders", 200, token=token)
    again = {"items": [{"product_id": 5, "quantity": 1}]}
    yield visitor.call("order again", "POST", "/orders", 201, token=token, json=again)
    wallet.keep("second", visitor.answer)
    yield visitor.call("cancel", "DELETE", f"/orders/{wallet.ids.get('second', 1)}", 204, token=token)


def write_prose(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Notes and reviews in people's own words."""
    token = wallet.token("bob")
    sent = {"items": [{"product_id": 13, "quantity": 1}], "note": PROSE[1]}
    yield visitor.call("order with a note", "POST", "/orders", 201, token=token, json=sent)
    wallet.keep("prose", visitor.answer)
    for note in PROSE[2:]:
        path = f"/orders/{wallet.ids.get('prose', 2)}"
        yield visitor.call("change the note", "PATCH", path, 200, token=token, json={"note": note})
    for number, review in enumerate(REVIEWS):
        sent_review = {"rating": 5, "text": review}
        path = f"/products/{10 + number}/reviews"
        yield visitor.call("review", "POST", path, 201, token=token, json=sent_review)


def own_account(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """The own account: names in any script, pictures."""
    token = wallet.token("zoe")
    yield visitor.call("own account", "GET", "/users/me", 200, token=token)
    change = {"name": "Zoë Čapková-李 🌱", "bio": "Káva ☕, knihy & тёплый плед. Más té > café."}
    yield visitor.call("unicode name", "PATCH", "/users/me", 200, token=token, json=change)
    yield visitor.call("by id", "GET", f"/users/{ZOE.id}", 200, token=token)
    files = {"file": ("my photo (1).png", PIXEL, "image/png")}
    caption = {"caption": "It's me -- at O'Malley's"}
    yield visitor.call("upload a picture", "PUT", "/users/me/avatar", 200, token=token, files=files, data=caption)
    url = {"url": f"https://{BUILT_IN_HOST}/p/zoe.png?size=64&v=2"}
    yield visitor.call("picture by URL", "PUT", "/users/me/picture", 200, token=token, json=url)


def partner(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """A partner looks at the stock."""
    yield visitor.call("stock", "GET", "/partner/stock", 200, headers={"x-api-key": wallet.partner_key})


def run_the_shop(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Administration and support."""
    ada, sam = wallet.token("ada"), wallet.token("sam")
    yield visitor.call("numbers", "GET", "/admin/stats", 200, token=ada)
    yield visitor.call("accounts", "GET", "/admin/users?role=customer", 200, token=ada)
    yield visitor.call("new price", "PATCH", "/admin/products/5", 200, token=ada, json={"price_cents": 520})
    reason = {"reason": "Arrived broken; customer's photo shows it."}
    payment = f"/admin/payments/{wallet.ids.get('payment', 1)}/refund"
    yield visitor.call("support pays back", "POST", payment, 200, token=sam, json=reason)
