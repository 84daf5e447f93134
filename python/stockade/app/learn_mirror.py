"""Learns from copies of requests that a server sends here: nginx `mirror`, Envoy's shadowing, and the like.

Every request is answered with 204 and looked at for its form alone; nothing of it is kept but what a log would say, and
the shape of its body.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import uvicorn

from stockade.app.learn import Learned, learned_of
from stockade.core.errors import StockadeError
from stockade.prevent.inventory.logs.digest import Digest, add
from stockade.prevent.inventory.logs.entry import entry_of
from stockade.prevent.inventory.logs.summary import Summary
from stockade.prevent.inventory.shapes import shape_of

BODY_BYTES = 256 * 1024
"""Longest body whose shape is looked at."""

CONNECTIONS = 256
"""Requests that are answered at once; more get 503, which a mirroring server does not pass on."""

TURN = 50_000
"""Requests after which a digest is added up, so that the bounds of one are not those of all."""


class Mirror:
    """An ASGI application that counts what it is shown.

    Args:
        clock: microseconds since the epoch.
    """

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._summary = Summary()
        self._digest = Digest()
        self.requests = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            piece = message.get("body", b"")
            # What is longer has no shape here, and is read to its end so that the connection can be used again.
            body += piece[: max(0, BODY_BYTES + 1 - len(body))]
            more = message.get("more_body", False)
        self._take(scope, bytes(body))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    def learned(self) -> Learned:
        """What was learned until now."""
        self._add_up()
        return learned_of(self._summary, self._clock())

    def _take(self, scope: Mapping[str, Any], body: bytes) -> None:
        headers = {name.decode("latin-1"): value.decode("utf-8", "replace") for name, value in scope["headers"]}
        target = headers.get("x-original-uri") or scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        if query and "?" not in target:
            target = f"{target}?{query}"
        client = scope.get("client")
        entry = entry_of(
            (headers.get("x-original-method") or scope["method"]).upper(),
            target,
            None,
            address=headers.get("x-forwarded-for", "").partition(",")[0].strip()
            or headers.get("x-real-ip")
            or (client[0] if client else None),
            agent=headers.get("user-agent"),
            second=self._clock() // 1_000_000,
            host=headers.get("host"),
        )
        self.requests += 1
        self._digest.lines += 1
        if entry is None:
            self._digest.unread += 1
            if len(self._digest.unreadable) < 3:
                self._digest.unreadable.append((self._digest.lines, f"{scope['method']} {target}"[:120]))
        else:
            short = len(body) <= BODY_BYTES
            shape = shape_of(headers.get("content-type"), headers.get("content-encoding"), body) if short else None
            add(self._digest, entry._replace(request_shape=shape))
        if self._digest.lines >= TURN:
            self._add_up()

    def _add_up(self) -> None:
        digest, self._digest = self._digest, Digest()
        self._summary.add("mirror", digest, self._summary.lines)


def listen(address: str, seconds: float | None, progress: Callable[[int], None], clock: Callable[[], int]) -> Learned:
    """Learn from copies of requests until a time is over or the person ends it.

    Args:
        address: `address:port` to listen on.
        seconds: how long; until Ctrl-C when None.
        progress: told now and then how many requests came.
        clock: microseconds since the epoch.

    Raises:
        StockadeError: the address cannot be listened on.
    """
    mirror = Mirror(clock)
    settings = uvicorn.Config(
        mirror,
        access_log=False,
        log_level="critical",
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=64 * 1024,
    )
    with _listening(address) as listener:
        server = uvicorn.Server(settings)
        stop = threading.Event()
        watch = threading.Thread(target=_watch, args=(server, mirror, stop, seconds, progress), daemon=True)
        watch.start()
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            # Ctrl-C is how a person ends it.
            pass
        finally:
            stop.set()
            watch.join()
    return mirror.learned()


def _watch(
    server: uvicorn.Server,
    mirror: Mirror,
    stop: threading.Event,
    seconds: float | None,
    progress: Callable[[int], None],
) -> None:
    passed = 0.0
    while not stop.wait(0.2):
        passed += 0.2
        progress(mirror.requests)
        if seconds is not None and passed >= seconds:
            server.should_exit = True
            return


@contextlib.contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        listener = socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
    except (OSError, ValueError, OverflowError) as error:
        raise StockadeError(
            "learn.listen", f"cannot listen on `{address}`: {error}", "write it as `127.0.0.1:9442`"
        ) from error
    with listener:
        yield listener
