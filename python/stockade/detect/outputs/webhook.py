"""Events as JSON to an HTTP endpoint, signed so that the receiver knows who sent them and when."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence

import httpx

from stockade.detect.outputs.sink import Record

WAIT_S = 10.0
"""Longest wait for the receiver, seconds."""


class WebhookSink:
    """Posts `{"events": [...]}`.

    `x-stockade-signature: t=SECONDS,v1=HEX` is HMAC-SHA-256 of `SECONDS.BODY` with the secret; `x-stockade-delivery` is
    the same when a batch is sent again.

    Args:
        url: where to.
        secret: shared with the receiver; None for no signature.
        clock: microseconds since the epoch.
        transport: for tests.
    """

    def __init__(
        self,
        url: str,
        secret: str | None,
        clock: Callable[[], int],
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._clock = clock
        # A redirect would carry events to a place that nobody configured.
        self._client = httpx.Client(timeout=WAIT_S, follow_redirects=False, trust_env=False, transport=transport)

    def send(self, batch: Sequence[Record], number: int) -> None:
        """Post a batch; see `Sink`."""
        body = json.dumps({"events": list(batch)}, separators=(",", ":")).encode()
        delivery = hashlib.sha256(body).hexdigest()[:32]
        headers = {"content-type": "application/json", "x-stockade-delivery": delivery}
        if self._secret is not None:
            headers["x-stockade-signature"] = signature(self._secret, self._clock() // 1_000_000, body)
        try:
            answer = self._client.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as error:
            raise OSError(f"no answer: {error}") from error
        refuse(answer)

    def close(self) -> None:
        """Close connections."""
        self._client.close()


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of `x-stockade-signature`."""
    digest = hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def refuse(answer: httpx.Response) -> None:
    """Raise for an answer that is no success.

    Raises:
        OSError: it may be sent again.
        ValueError: it will never be taken.
    """
    if answer.is_success:
        return
    if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
        raise OSError(f"the receiver answered {answer.status_code}")
    raise ValueError(f"the receiver answered {answer.status_code}")
