"""Fetches small JSON documents from identity providers: bounded in time and size, no redirects."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from stockade.core.errors import StockadeError

TIMEOUT_S = 5.0
"""Seconds that connecting and each wait for bytes may take."""

MOST_BYTES = 1024 * 1024
"""Largest document."""

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?([0-9]{1,9})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document."""

    content: bytes
    """Its bytes."""
    max_age_s: int | None = None
    """How long it may be kept, as the server says (RFC 9111 5.2.2.1)."""


class FetchError(StockadeError):
    """A document that could not be fetched."""


def verification(ca_file: Path | None) -> ssl.SSLContext:
    """How servers are verified: against these roots, or the public ones.

    Raises:
        FetchError: the file holds no roots.
    """
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise FetchError("identity.ca_file", f"cannot use the roots in `{ca_file}`: {error}") from error


def fetch(url: str, ca_file: Path | None = None) -> Fetched:
    """Fetch a document.

    Args:
        url: where it is.
        ca_file: roots that verify the server.

    Raises:
        FetchError: it did not come whole, in time and with status 200.
    """
    with httpx.Client(verify=verification(ca_file), timeout=TIMEOUT_S, trust_env=False) as client:
        return send(client, client.build_request("GET", url, headers={"accept": "application/json"}))


def send(client: httpx.Client, request: httpx.Request) -> Fetched:
    """Send a request and read its answer, as far as a document may be long.

    Raises:
        FetchError: it did not come whole, in time and with status 200.
    """
    where = f"{request.url.scheme}://{request.url.netloc.decode('ascii', 'replace')}{request.url.path}"
    try:
        response = client.send(request, stream=True)
        try:
            if response.status_code != 200:
                raise FetchError("identity.fetch", f"`{where}`: expected status 200, got {response.status_code}")
            content = bytearray()
            for part in response.iter_bytes():
                content += part
                if len(content) > MOST_BYTES:
                    raise FetchError("identity.fetch", f"`{where}`: expected at most {MOST_BYTES} bytes")
            return Fetched(bytes(content), _max_age(response.headers))
        finally:
            response.close()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError("identity.fetch", f"`{where}`: {str(error) or type(error).__name__}") from error


def _max_age(headers: Mapping[str, str]) -> int | None:
    control = headers.get("cache-control", "")
    if "no-store" in control or "no-cache" in control:
        return 0
    found = _MAX_AGE.search(control)
    return int(found[1]) if found else None
