"""What every admin request must pass before a route sees it: Host, size, token; and what every answer carries.

Loopback alone does not keep a browser out: any page may send requests to 127.0.0.1, and DNS rebinding gives it the
answers too. So the Host must be one of ours, there is no CORS, and everything but health needs the token.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 1024 * 1024
"""Largest request body."""

OPEN_PATHS = ("/healthz", "/readyz")
"""Paths that need no token: they tell nothing but whether we are well."""

SECURITY_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""Fields of every answer (OWASP ASVS 5.0, 3.4 and 14.3.2)."""


class Guard:
    """Wraps the admin application.

    Args:
        app: what requests go to that pass.
        hosts: names and addresses that `Host` may have, without a port.
        token: the bearer token.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], token: str) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        guarded = _with_security_headers(send)
        refusal = self._refusal(scope)
        if refusal:
            await _refuse(guarded, *refusal)
            return
        body = await _whole_body(receive)
        if body is None:
            await _refuse(guarded, 413, f"expected a body of at most {BODY_BYTES} bytes")
            return
        await self._app(scope, _replay(body, receive), guarded)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        fields: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            fields.setdefault(name, []).append(value)
        hosts = fields.get(b"host", [])
        if len(hosts) != 1 or _without_port(hosts[0].decode("latin-1")) not in self._hosts:
            return 421, "this address is not served under that Host; add it to `admin.hosts` if it should be"
        if scope["path"] in OPEN_PATHS:
            return None
        scheme, _, credential = fields.get(b"authorization", [b""])[0].partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(credential.strip(), self._token):
            return 401, "expected `Authorization: Bearer TOKEN` with the token in `admin.token` of the data folder"
        return None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


async def _whole_body(receive: Receive) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _with_security_headers(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *SECURITY_HEADERS]}
        await send(message)

    return secured


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"error": {"code": f"admin.{status}", "message": detail}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="stockade admin"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
