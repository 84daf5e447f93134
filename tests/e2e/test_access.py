"""The shop with its flaws on: what it would give away is refused, and whoever may call notices nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.e2e.stockades import Stockade, free_port, until

from stockade.sample.folder import partner_key, render_config
from stockade.sample.seed import ADA, ALICE, BOB, ORDERS, SAM, ZOE, SeedUser
from stockade.sample.traffic import ORDINARY, run

FLAWS = ("broken_object_auth", "broken_function_auth", "mass_assignment", "excessive_data")
CUSTOMERS = (ALICE, BOB, ZOE)
PAY = {"method": "card", "reference": "tok_4242-visa"}
ADMIN = (
    ("GET", "/admin/users", None),
    ("GET", "/admin/stats", None),
    ("POST", "/admin/payments/3/refund", {"reason": "mine"}),
    ("PATCH", "/admin/products/3", {"price_cents": 1}),
)


@dataclass
class Shop:
    """A shop with flaws, and Stockade in front of it."""

    url: str
    folder: Path
    stockade: Stockade

    def log_in(self, user: SeedUser) -> dict[str, str]:
        """Header fields of a user."""
        sent = {"email": user.email, "password": user.password}
        # Directly, since logins are limited.
        answer = httpx.post(f"{self.url}/sessions", json=sent)
        return {"authorization": f"Bearer {answer.json()['token']}"}

    def ask(self, method: str, path: str, headers: dict[str, str], sent: Any = None) -> httpx.Response:
        """Ask through Stockade."""
        return httpx.request(method, f"{self.stockade.url}{path}", headers=headers, json=sent)

    def directly(self, method: str, path: str, headers: dict[str, str], sent: Any = None) -> int:
        """The status that the shop itself gives."""
        return httpx.request(method, f"{self.url}{path}", headers=headers, json=sent).status_code


@pytest.fixture
def shop(short_path: Path) -> Iterator[Shop]:
    """A shop with its flaws on."""
    folder = short_path / "shop"
    port = free_port()
    flaws = [word for flaw in FLAWS for word in ("--flaw", flaw)]
    command = [sys.executable, "-m", "stockade.sample", "--port", str(port), "--data", str(folder), *flaws]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command) as running:
        until(lambda: _is_up(url), 30, "the shop")
        text = render_config(folder, upstream=url, listen="127.0.0.1:1", admin="127.0.0.1:1", data=short_path / "data")
        stockade = Stockade(short_path, {"version": 1, "apis": yaml.safe_load(text)["apis"]})
        try:
            stockade.start()
            yield Shop(url, folder, stockade)
        finally:
            stockade.destroy()
            running.terminate()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def test_what_belongs_to_others_is_refused_to_read_and_to_write(shop: Shop) -> None:
    headers = {user.id: shop.log_in(user) for user in CUSTOMERS}
    made = {user.id: _order(shop, headers[user.id]) for user in CUSTOMERS}
    seeded = {user.id: [order.id for order in ORDERS if order.user_id == user.id] for user in CUSTOMERS}
    passed, tried = [], 0
    for attacker in CUSTOMERS:
        for victim in CUSTOMERS:
            if attacker is victim:
                continue
            order, payment = made[victim.id]
            calls: list[tuple[str, str, Any]] = [("GET", f"/users/{victim.id}", None)]
            for number in (order, *seeded[victim.id]):
                calls += [
                    ("GET", f"/orders/{number}", None),
                    ("HEAD", f"/orders/{number}", None),
                    ("PATCH", f"/orders/{number}", {"note": "mine"}),
                    ("POST", f"/orders/{number}/payments", PAY),
                    ("DELETE", f"/orders/{number}", None),
                ]
            calls += [("GET", f"/payments/{number}", None) for number in (payment, *seeded[victim.id])]
            for method, path, sent in calls:
                tried += 1
                answer = shop.ask(method, path, headers[attacker.id], sent)
                if answer.status_code != 403:
                    passed.append((attacker.name, method, path, answer.status_code))
                assert answer.content in (b"",) or answer.headers["content-type"] == "application/problem+json"
    assert passed == []
    assert tried == 90
    # It is Stockade that refuses: the shop itself gives all of it away.
    order, payment = made[ALICE.id]
    for path in (f"/orders/{order}", f"/payments/{payment}", f"/users/{ALICE.id}"):
        assert shop.directly("GET", path, headers[BOB.id]) == 200
    assert shop.directly("PATCH", f"/orders/{order}", headers[BOB.id], {"note": "mine"}) == 200
    event = shop.stockade.event(shop.ask("GET", f"/orders/{order}", headers[BOB.id]).headers["x-stockade-id"])
    refusal = event.refusals[-1]
    assert (refusal.stage, refusal.reason) == ("access", "access.not_owner")
    assert refusal.setting == "apis.shop.access.objects.orders/{order_id}"
    assert f"belongs to `{ALICE.id}`" in refusal.detail
    # Who owns them goes on as before; what was there before Stockade is known once it was listed.
    assert shop.ask("GET", f"/orders/{order}", headers[ALICE.id]).status_code == 200
    assert shop.ask("GET", f"/orders/{seeded[ALICE.id][0]}", headers[ALICE.id]).status_code == 403
    assert shop.ask("GET", "/orders", headers[ALICE.id]).status_code == 200
    assert shop.ask("GET", f"/orders/{seeded[ALICE.id][0]}", headers[ALICE.id]).status_code == 200
    assert shop.ask("GET", f"/orders/{order}", shop.log_in(SAM)).status_code == 200


def _order(shop: Shop, headers: dict[str, str]) -> tuple[int, int]:
    """Place and pay an order through Stockade; ids of order and payment."""
    sent = {"items": [{"product_id": 2, "quantity": 1}]}
    order = shop.ask("POST", "/orders", headers, sent).json()["id"]
    return order, shop.ask("POST", f"/orders/{order}/payments", headers, PAY).json()["id"]


def test_no_user_calls_what_is_for_administrators(shop: Shop) -> None:
    callers = {user.name: shop.log_in(user) for user in (*CUSTOMERS, SAM)}
    callers["partner"] = {"x-api-key": partner_key(shop.folder)}
    passed = [
        (name, method, path)
        for name, headers in callers.items()
        for method, path, sent in ADMIN
        # Refunds are for support too.
        if not (name == SAM.name and path.endswith("/refund"))
        and shop.ask(method, path, headers, sent).status_code != 403
    ]
    assert passed == []
    for method, path, sent in ADMIN[:2]:
        assert shop.directly(method, path, callers[BOB.name], sent) == 200, "the flaw is there"
        assert shop.ask(method, path, shop.log_in(ADA), sent).status_code == 200
    assert shop.ask("POST", "/admin/payments/3/refund", callers[SAM.name], {"reason": "broken"}).status_code == 200


def test_fields_are_neither_taken_nor_given(shop: Shop) -> None:
    bob = shop.log_in(BOB)
    answer = shop.ask("PATCH", "/users/me", bob, {"bio": "x", "role": "admin"})
    assert answer.status_code in (400, 403)
    assert shop.directly("GET", "/users/me", bob) == 200
    shown = shop.ask("GET", "/users/me", bob).json()
    assert shown["role"] == "customer"
    assert shown["email"] == BOB.email
    assert "password_hash" not in shown
    assert "password_hash" in httpx.get(f"{shop.url}/users/me", headers=bob).json()
    products = shop.ask("GET", "/products?limit=3", {}).json()["items"]
    assert products
    assert all("purchase_price_cents" not in product and "price_cents" in product for product in products)


def test_ordinary_traffic_is_untouched(shop: Shop) -> None:
    calls = list(run(shop.stockade.url, shop.folder, int(time.time())))
    ordinary = [call for call in calls if call.kind == ORDINARY]
    assert len(ordinary) > 40
    assert [(call.name, call.status, call.request) for call in ordinary if not call.is_as_expected] == []
    attacks = [call for call in calls if call.scenario in ("not for this caller", "not of this caller")]
    assert [(call.name, call.status, call.request) for call in attacks if not call.is_as_expected] == []
    listed = subprocess.run(
        [
            sys.executable,
            "-m",
            "stockade",
            "events",
            "--data",
            str(shop.stockade.data),
            "--verdict",
            "refused",
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    refused = [json.loads(line)["id"] for line in listed.stdout.splitlines()]
    assert not {call.id for call in ordinary} & set(refused)
