"""Asks the servers that issued tokens about them (RFC 7662 2)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import httpx

from stockade.config.identity import Introspection
from stockade.prevent.identity.fetch import FetchError, send, verification

SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 15.0
"""How long a server that failed is not asked; each failure in a row doubles it."""

MOST_CONNECTIONS = 16
"""Connections to one server."""


class Introspector:
    """Asks one server.

    Args:
        settings: where, and as whom.
        clock: microseconds since the epoch.
    """

    def __init__(self, settings: Introspection, clock: Callable[[], int]) -> None:
        self.settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until = 0
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, max_keepalive_connections=MOST_CONNECTIONS)
        self._client = httpx.Client(
            verify=verification(settings.ca_file), timeout=settings.wait.ms / 1000, limits=limits, trust_env=False
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def ask(self, token: str) -> dict[str, Any]:
        """What the server says of a token.

        Args:
            token: the token.

        Returns:
            Its answer; `active` says whether the token is good.

        Raises:
            FetchError: it gave no answer, or is not asked for a while because it did not before.
        """
        with self._lock:
            if self._clock() < self._closed_until:
                raise FetchError("identity.introspection", f"`{self.settings.endpoint}` did not answer a moment ago")
        try:
            answer = self._answer(token)
        except FetchError:
            with self._lock:
                pause_s = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2.0 ** min(self._failures, 16))
                self._failures += 1
                self._closed_until = self._clock() + int(pause_s * 1_000_000)
            raise
        with self._lock:
            self._failures = 0
        return answer

    def _answer(self, token: str) -> dict[str, Any]:
        settings = self.settings
        form = {"token": token, "token_type_hint": "access_token"}
        headers = {"accept": "application/json"}
        auth = None
        if settings.bearer is not None:
            headers["authorization"] = f"Bearer {settings.bearer.get_secret_value()}"
        elif settings.client_id is not None and settings.client_secret is not None:
            secret = settings.client_secret.get_secret_value()
            if settings.client_auth == "post":
                form |= {"client_id": settings.client_id, "client_secret": secret}
            else:
                # RFC 6749 2.3.1: both are form-encoded first.
                auth = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(secret))
        request = self._client.build_request("POST", settings.endpoint, data=form, headers=headers)
        if auth is not None:
            request = next(auth.auth_flow(request))
        try:
            answer = json.loads(send(self._client, request).content)
        except (ValueError, RecursionError) as error:
            raise FetchError("identity.introspection", f"`{settings.endpoint}`: expected JSON") from error
        if not isinstance(answer, dict) or not isinstance(answer.get("active"), bool):
            raise FetchError("identity.introspection", f"`{settings.endpoint}`: expected an answer with `active`")
        return answer
