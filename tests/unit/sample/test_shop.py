"""The shop does its work, and each flaw is there when it is switched on and not otherwise."""

import socket
import threading
from collections.abc import Iterator

import pytest

from stockade.sample.flaws import Flaws
from stockade.sample.pictures import PIXEL
from stockade.sample.seed import ADA, ALICE, BOB, SAM
from stockade.sample.throttle import FAILURES
from stockade.sample.tokens import Issuer, unsigned

from .conftest import NOW, Client, Flawed

INJECTION = "zzz%' OR 1=1) --"


@pytest.fixture
def inside() -> Iterator[str]:
    """A server inside, that nobody outside should reach through the shop."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n"
                    b"connection: close\r\n\r\ninside secret"
                )

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/latest"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_order_pay_and_refund(client: Client) -> None:
    alice, sam = client.log_in(ALICE), client.log_in(SAM)
    note = "It's for O'Neil -- select a nice one; don't drop it"
    sent = {"items": [{"product_id": 1, "quantity": 2}], "note": note}
    order = client.http.post("/orders", json=sent, headers=alice).json()
    assert (order["total_cents"], order["note"], order["status"]) == (1780, note, "open")
    pay = {"method": "card", "reference": "tok_1234"}
    payment = client.http.post(f"/orders/{order['id']}/payments", json=pay, headers=alice)
    assert payment.status_code == 201
    assert client.http.post(f"/orders/{order['id']}/payments", json=pay, headers=alice).status_code == 409
    refund = f"/admin/payments/{payment.json()['id']}/refund"
    assert client.http.post(refund, json={"reason": "broken"}, headers=sam).status_code == 200
    assert client.http.post(refund, json={"reason": "again"}, headers=sam).status_code == 409
    assert client.http.get(f"/orders/{order['id']}", headers=alice).json()["status"] == "refunded"


def test_what_is_cancelled_goes_back_into_the_stock(client: Client) -> None:
    alice = client.log_in(ALICE)

    def stock() -> int:
        row = client.shop.database.row("SELECT stock FROM products WHERE id = 7")
        assert row is not None
        return int(row["stock"])

    before = stock()
    sent = {"items": [{"product_id": 7, "quantity": 3}]}
    order = client.http.post("/orders", json=sent, headers=alice).json()
    assert stock() == before - 3
    assert client.http.delete(f"/orders/{order['id']}", headers=alice).status_code == 204
    assert stock() == before
    wanted = ((7, 1), (8, 100), (8, 1))
    too_many = {"items": [{"product_id": product, "quantity": quantity} for product, quantity in wanted]}
    assert client.http.post("/orders", json=too_many, headers=alice).status_code == 409
    assert stock() == before


def test_sign_up_and_log_in(client: Client) -> None:
    sent = {"name": "Siobhán", "email": "Siobhan@mail.example", "password": "a long pass-phrase"}
    assert client.http.post("/users", json=sent).status_code == 201
    assert client.http.post("/users", json=sent).status_code == 409
    credentials = {"email": sent["email"], "password": sent["password"]}
    assert client.http.post("/sessions", json=credentials).status_code == 200
    assert client.http.post("/sessions", json={**credentials, "password": "wrong"}).status_code == 401


def test_pictures_come_by_upload_and_from_image_hosts(client: Client) -> None:
    alice = client.log_in(ALICE)
    files = {"file": ("me.png", PIXEL, "image/png")}
    answer = client.http.put("/users/me/avatar", files=files, data={"caption": "me"}, headers=alice)
    assert answer.json() == {"bytes": len(PIXEL), "media_type": "image/png"}
    url = {"url": "https://images.shop.example/a.png"}
    assert client.http.put("/users/me/picture", json=url, headers=alice).json()["bytes"] == len(PIXEL)
    script = {"file": ("x.html", b"<script>", "text/html")}
    assert client.http.put("/users/me/avatar", files=script, headers=alice).status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "content_type", "content", "status"),
    [
        ("POST", "/orders", "text/plain", b"{}", 415),
        ("POST", "/orders", "application/json", b"{", 400),
        ("POST", "/orders", "application/json", b"[" * 50_000, 400),
        ("POST", "/orders", "application/json", b"[]", 422),
        ("POST", "/orders", "application/json", b'{"items": []}', 422),
        ("POST", "/orders", "application/json", b'{"items": [{"product_id": 99999, "quantity": 1}]}', 422),
        ("POST", "/orders", "application/json", b" " * 300_000, 413),
        ("PUT", "/users/me/avatar", "multipart/form-data; boundary=x", b"nothing", 400),
        ("GET", "/orders/99999999999999999999999", "", b"", 404),
        ("GET", "/products?limit=x", "", b"", 422),
        ("GET", "/nowhere", "", b"", 404),
        ("DELETE", "/products/1", "", b"", 405),
    ],
)
def test_bad_requests_are_answered(
    client: Client, method: str, path: str, content_type: str, content: bytes, status: int
) -> None:
    headers = {**client.log_in(ALICE), "content-type": content_type}
    answer = client.http.request(method, path, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_flaw_is_on_by_default(client: Client) -> None:
    assert client.shop.flaws == Flaws()
    assert len(Flaws.names()) == 8
    with pytest.raises(ValueError, match="expected a flaw of broken_object_auth"):
        Flaws.named(["no_such_flaw"])


def test_broken_object_auth(client: Client, flawed: Flawed) -> None:
    for path in ("/orders/2", "/payments/2", f"/users/{BOB.id}"):
        assert client.http.get(path, headers=client.log_in(ALICE)).status_code == 404
    weak = flawed("broken_object_auth")
    for path in ("/orders/2", "/payments/2", f"/users/{BOB.id}"):
        assert weak.http.get(path, headers=weak.log_in(ALICE)).status_code == 200


def test_broken_function_auth(client: Client, flawed: Flawed) -> None:
    assert client.http.get("/admin/users", headers=client.log_in(ALICE)).status_code == 403
    assert client.http.get("/admin/stats", headers=client.log_in(SAM)).status_code == 403
    assert client.http.get("/admin/users", headers=client.log_in(ADA)).status_code == 200
    weak = flawed("broken_function_auth")
    assert weak.http.get("/admin/users", headers=weak.log_in(ALICE)).status_code == 200
    assert weak.http.get("/admin/users").status_code == 401


def test_mass_assignment(client: Client, flawed: Flawed) -> None:
    change = {"name": "Alice", "role": "admin"}
    assert client.http.patch("/users/me", json=change, headers=client.log_in(ALICE)).status_code == 422
    weak = flawed("mass_assignment")
    assert weak.http.patch("/users/me", json=change, headers=weak.log_in(ALICE)).json()["role"] == "admin"


def test_excessive_data(client: Client, flawed: Flawed) -> None:
    assert "password_hash" not in client.http.get("/users/me", headers=client.log_in(ALICE)).json()
    assert "purchase_price_cents" not in client.http.get("/products/1").json()
    weak = flawed("excessive_data")
    assert "password_hash" in weak.http.get("/users/me", headers=weak.log_in(ALICE)).json()
    assert "purchase_price_cents" in weak.http.get("/products/1").json()


def test_ssrf(client: Client, flawed: Flawed, inside: str) -> None:
    for url in (inside, "file:///etc/passwd", "http://images.shop.example@127.0.0.1/", "http://[::1", "http:///x"):
        answer = client.http.put("/users/me/picture", json={"url": url}, headers=client.log_in(ALICE))
        assert answer.status_code == 422
    weak = flawed("ssrf")
    answer = weak.http.put("/users/me/picture", json={"url": inside}, headers=weak.log_in(ALICE))
    assert answer.json()["preview"] == "inside secret"


def test_sql_injection(client: Client, flawed: Flawed) -> None:
    assert client.http.get("/products", params={"q": INJECTION}).json()["items"] == []
    assert client.http.get("/products", params={"q": "o'brien"}).json()["items"][0]["id"] == 1
    weak = flawed("sql_injection")
    broken = weak.http.get("/products", params={"q": "x') y"})
    assert broken.status_code == 500
    assert "sqlite3" in broken.json()["detail"]
    union = "zzz' UNION SELECT id, email, password_hash, 'tea', 1, 2, 3 FROM users WHERE '' = '') --"
    opened = "zzz%') UNION SELECT id, email, password_hash, 'tea', 1, 2, 3 FROM users WHERE ? >= 0 AND ? >= 0 --"
    assert client.http.get("/products", params={"q": union}).json()["items"] == []
    found = weak.http.get("/products", params={"q": opened})
    assert ALICE.email in found.text


def test_weak_tokens(client: Client, flawed: Flawed) -> None:
    claims = {"sub": "1", "roles": ["admin"], "exp": NOW + 60, "iss": "https://shop.example", "aud": "shop"}
    weak = flawed("weak_tokens")
    for shop, status in ((client, 401), (weak, 200)):
        expired = Issuer.in_folder(shop.folder).issue("1", "admin", NOW - 90_000)
        for token in (unsigned(claims), expired):
            answer = shop.http.get("/admin/stats", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == status
    for token in ("a", "a.b.c", "e30.e30.e30", unsigned({**claims, "sub": "x"})):
        assert client.http.get("/orders", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_no_rate_limit(tmp_path_factory: pytest.TempPathFactory, flawed: Flawed) -> None:
    weak = flawed("no_rate_limit")
    from .conftest import running

    with running(tmp_path_factory.mktemp("right"), Flaws()) as client:
        for shop, last in ((client, 429), (weak, 401)):
            statuses = [
                shop.http.post("/sessions", json={"email": BOB.email, "password": f"guess-{number}"}).status_code
                for number in range(FAILURES + 2)
            ]
            assert statuses[:FAILURES] == [401] * FAILURES
            assert statuses[-1] == last
