"""What every admin request must pass before it is looked at: Host and size; and what every answer carries.

Loopback alone does not keep a browser out: any page may send requests to 127.0.0.1, and DNS rebinding gives it the
answers too. So the Host must be one of ours, and there is no CORS. Who asks is the matter of `authorise.py`, behind
this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 1024 * 1024
"""Largest request body."""

NESTING = 32
"""How deep JSON in a body may be nested."""

TARGET_BYTES = 8 * 1024
"""Longest path and query."""

SECURITY_HEADERS = (
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        b"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""Fields of every answer (OWASP ASVS 5.0, 3.4 and 14.3.2); only `cache-control` may an answer set itself."""

HSTS = (b"strict-transport-security", b"max-age=31536000")
"""Sent where browsers come over TLS."""


class Guard:
    """Wraps the admin application.

    Args:
        app: what requests go to that pass.
        hosts: names and addresses that `Host` may have, without a port.
        secure: whether browsers come over TLS.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], *, secure: bool = False) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._fields = (*SECURITY_HEADERS, HSTS) if secure else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        guarded = self._with_fields(send)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or _without_port(hosts[0].decode("latin-1")) not in self._hosts:
            problem = "this address is not served under that Host; add it to `admin.hosts` if it should be"
            await refuse(guarded, 421, "admin.421", problem)
            return
        if len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"") > TARGET_BYTES:
            await refuse(guarded, 414, "admin.414", f"expected a path and query of at most {TARGET_BYTES} bytes")
            return
        body = await _whole_body(receive)
        if body is None:
            await refuse(guarded, 413, "admin.413", f"expected a body of at most {BODY_BYTES} bytes")
            return
        if _is_nested(body):
            await refuse(guarded, 400, "admin.nesting", f"expected JSON of at most {NESTING} levels")
            return
        if not _is_text(body):
            await refuse(guarded, 400, "admin.text", "expected text, got half of a surrogate pair")
            return
        await self._app(scope, _replay(body, receive), guarded)

    def _with_fields(self, send: Send) -> Send:
        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                caches = any(name == b"cache-control" for name, _ in own)
                fields = [field for field in self._fields if not (caches and field[0] == b"cache-control")]
                message = {**message, "headers": [*own, *fields]}
            await send(message)

        return secured


async def refuse(send: Send, status: int, code: str, message: str, hint: str | None = None) -> None:
    """Answer with an error, as the routes do."""
    body = json.dumps({"error": {"code": code, "message": message, "hint": hint}}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="stockade admin"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _is_nested(body: bytes) -> bool:
    """Whether JSON is nested too deep for a recursive reader; brackets in texts count only where there are many."""
    if body.count(b"[") + body.count(b"{") <= NESTING:
        return False
    depth, in_text, escaped = 0, False, False
    for byte in body:
        if in_text:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_text = False
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            depth += 1
            if depth > NESTING:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def _is_text(body: bytes) -> bool:
    """Whether every text in JSON can be written as UTF-8: escapes of JSON can name what is no character."""
    if rb"\ud" not in body and rb"\uD" not in body:
        return True
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except ValueError:
        # What is wrong with it, its reader says.
        return True
    return True


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
