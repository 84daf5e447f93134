"""Answers what the gateway has to be told before it can judge: asked over the control socket, with a deadline there."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stockade.app.clock import Clock
from stockade.config import Config
from stockade.config.identity import Introspection, Jwt
from stockade.core.errors import StockadeError
from stockade.prevent.identity.introspection import Introspector
from stockade.prevent.identity.key_sets import KeySets

LOG = logging.getLogger("stockade.identity")

THREADS = 16
"""Questions that are worked on at once."""

MOST_OPEN = 256
"""Questions that may wait for a thread; further ones are answered at once by nothing."""

LONGEST_LINE = 64 * 1024
"""Longest question, bytes."""

RETRY_S = 0.2
"""Pause before the next attempt to reach the gateway."""


class LookUps:
    """Stays connected to the gateway and answers its questions.

    Args:
        path: `gateway.sock` in the data folder.
        config: the config in force; None while there is none.
        key_sets: finds keys.
        clock: microseconds since the epoch.
    """

    def __init__(self, path: Path, config: Callable[[], Config | None], key_sets: KeySets, clock: Clock) -> None:
        self._path = path
        self._config = config
        self._key_sets = key_sets
        self._clock = clock
        self._introspectors: dict[tuple[str, str], Introspector] = {}
        self._open = threading.Semaphore(MOST_OPEN)
        self._lock = threading.Lock()
        self._link: socket.socket | None = None

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop, whatever the gateway does meanwhile."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="look-up") as threads:
            while not stop.is_set():
                try:
                    self._serve(threads)
                except (OSError, ValueError) as error:
                    LOG.debug("not connected to the gateway: %s", error)
                stop.wait(RETRY_S)

    def close(self) -> None:
        """End what is being served."""
        with self._lock:
            if self._link is not None:
                self._link.shutdown(socket.SHUT_RDWR)

    def _serve(self, threads: ThreadPoolExecutor) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.connect(str(self._path))
            link.sendall(b'{"op":"look_ups"}\n')
            with self._lock:
                self._link = link
            writing = threading.Lock()
            try:
                with link.makefile("rb") as lines:
                    if not json.loads(lines.readline(LONGEST_LINE) or b"{}").get("ok"):
                        raise ValueError("the gateway does not ask")
                    while line := lines.readline(LONGEST_LINE):
                        if self._open.acquire(blocking=False):
                            threads.submit(self._work, line, link, writing)
                        else:
                            self._say(link, writing, line, {"failed": "too many questions at once"})
            finally:
                with self._lock:
                    self._link = None

    def _work(self, line: bytes, link: socket.socket, writing: threading.Lock) -> None:
        try:
            try:
                answer: dict[str, Any] = {"told": self._answer(json.loads(line))}
            except (StockadeError, ValueError, KeyError, TypeError) as error:
                LOG.warning("a look-up failed: %s", error)
                answer = {"failed": str(error)}
            self._say(link, writing, line, answer)
        finally:
            self._open.release()

    def _say(self, link: socket.socket, writing: threading.Lock, line: bytes, answer: dict[str, Any]) -> None:
        try:
            content = json.dumps({"id": json.loads(line)["id"], **answer}).encode() + b"\n"
            with writing:
                link.sendall(content)
        except (OSError, ValueError, KeyError, TypeError) as error:
            LOG.debug("an answer could not be given: %s", error)

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        config = self._config()
        if config is None:
            raise StockadeError("identity.look_up", "no config is in force")
        api, method = str(question["api"]), str(question["method"])
        settings = next(one.one for one in config.apis[api].identity.methods if one.name == method)
        match question["want"], settings:
            case "token", Introspection() as introspection:
                return self._introspector(api, method, introspection).ask(str(question["token"]))
            case "keys", Jwt() as jwt:
                return self._key_sets.find(jwt, str(question["key"]), config.data)
        raise StockadeError(
            "identity.look_up", f"method `{method}` of `{api}` cannot be asked for `{question['want']}`"
        )

    def _introspector(self, api: str, method: str, settings: Introspection) -> Introspector:
        with self._lock:
            known = self._introspectors.get((api, method))
            if known is None or known.settings != settings:
                # The one before ends with the last question that it works on.
                known = self._introspectors[api, method] = Introspector(settings, self._clock)
            return known
