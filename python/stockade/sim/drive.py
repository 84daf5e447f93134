"""Plays the calls of a world against a real gateway over HTTP, in its order and at a pace of choice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from stockade.sim.call import Call, Credential
from stockade.sim.upstream import RIGHT

ISSUER = "https://sim.example"
"""Issuer of the tokens."""


@dataclass(slots=True)
class Driven:
    """What came of the calls."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By campaign (empty when innocent) and status; 0 where no answer came."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refused by a decision, by campaign."""
    leaked: Counter[str] = field(default_factory=Counter)
    """Harm that was let through, by campaign."""
    innocent_refused: list[str] = field(default_factory=list)
    """Ids of innocent exchanges that a decision refused, the first hundred."""


def token(credential: Credential, key: bytes, expires: int) -> str:
    """A signed token (RFC 7515, HS256) for a credential.

    Args:
        credential: who.
        key: the secret that gateway and world share.
        expires: when it ends, seconds since the epoch.
    """
    claims = {
        "iss": ISSUER,
        "sub": credential.subject,
        "roles": [credential.role],
        "jti": credential.token,
        "sid": credential.session,
        "exp": expires,
    }
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = ".".join(parts)
    return f"{signed}.{_encoded(hmac.new(key, signed.encode(), hashlib.sha256).digest())}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Driver:
    """Sends calls.

    Args:
        url: the gateway.
        key: the secret of tokens.
        now: seconds since the epoch.
        connections: at once.
        shared_address: address that all innocent calls, and all others, come from; each its own when empty.
    """

    def __init__(
        self, url: str, key: bytes, now: Callable[[], float], connections: int = 16, shared_address: str = ""
    ) -> None:
        self._host = urlsplit(url).netloc
        self._key = key
        self._expires = int(now()) + 86_400
        self._connections = connections
        self._shared = shared_address
        self._local = threading.local()
        self._lock = threading.Lock()
        self._tokens: dict[Credential, str] = {}
        self._open: list[http.client.HTTPConnection] = []
        self.driven = Driven()

    def run(self, calls: Iterable[Call], speed: float) -> Driven:
        """Send all, in order; returns when all are answered.

        Args:
            calls: in order of time.
            speed: how much faster than in the world; 0 is as fast as it goes.
        """
        begun, first = time.monotonic(), None
        with ThreadPoolExecutor(self._connections) as pool:
            waiting = threading.Semaphore(self._connections * 4)

            def send(call: Call) -> None:
                try:
                    self.send(call)
                finally:
                    waiting.release()

            for call in calls:
                first = call.time if first is None else first
                if speed:
                    ahead = (call.time - first) / 1e6 / speed - (time.monotonic() - begun)
                    if ahead > 0:
                        time.sleep(ahead)
                waiting.acquire()
                pool.submit(send, call)
        while self._open:
            self._open.pop().close()
        return self.driven

    def send(self, call: Call) -> int:
        """Send one call; the status that came, 0 for none."""
        headers = {"user-agent": call.agent.user_agent, "x-forwarded-for": self._shared or call.address}
        body = None
        if call.credential:
            if call.credential.key:
                headers["x-api-key"] = api_key(call.credential.subject)
            else:
                headers["authorization"] = f"Bearer {self._token(call.credential)}"
        if call.method in ("POST", "PUT", "PATCH"):
            word = RIGHT if call.status < 400 else "wrong"
            body = json.dumps({"user": call.account, "password": word, "code": word}).encode()
            headers["content-type"] = "application/json"
        target = f"{call.path}?{call.query}" if call.query else call.path
        status, by_decision, exchange = self._exchange(call.method, target, body, headers)
        with self._lock:
            self.driven.answers[(call.campaign, status)] += 1
            if by_decision:
                self.driven.refused[call.campaign] += 1
                if not call.campaign and len(self.driven.innocent_refused) < 100:
                    self.driven.innocent_refused.append(exchange)
            elif call.harm in ("succeeded", "data") and status < 400:
                self.driven.leaked[call.campaign] += 1
        return status

    def _exchange(self, method: str, target: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bool, str]:
        for _ in range(2):
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = http.client.HTTPConnection(self._host, timeout=20)
                self._open.append(connection)
            try:
                connection.request(method, target, body, headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                self._local.connection = None
                continue
            # The world's own 403 comes from the API; a decision's has no API behind it and says so by its form.
            problem = response.getheader("content-type") == "application/problem+json"
            asked = response.getheader("x-stockade-challenge") is not None
            by_decision = asked or (problem and response.status in (403, 429))
            return response.status, by_decision, response.getheader("x-stockade-id") or ""
        return 0, False, ""

    def _token(self, credential: Credential) -> str:
        known = self._tokens.get(credential)
        if known is None:
            known = self._tokens[credential] = token(credential, self._key, self._expires)
        return known


def api_key(subject: str) -> str:
    """The API key of a program."""
    return f"key-{subject}.0123456789"
