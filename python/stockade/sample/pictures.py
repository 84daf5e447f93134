"""Fetches pictures by URL: from the shop's image hosts only, unless the flaw `ssrf` is on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from stockade.sample.problems import ShopError

BUILT_IN_HOST = "images.shop.example"
"""An image host that is always there and needs no network."""

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f6"
    "45400000000049454e44ae426082"
)
"""A PNG of one pixel."""

LARGEST = 1024 * 1024
"""Largest picture, bytes."""

_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class PictureHosts:
    """Hosts that pictures may be fetched from."""

    allowed: frozenset[str] = frozenset()
    """`host` or `host:port` of further hosts, chosen by whoever runs the shop."""
    built_in: Mapping[str, bytes] = field(default_factory=lambda: {BUILT_IN_HOST: PIXEL})
    """Hosts that are answered without a network."""

    async def fetch(self, url: str, *, anywhere: bool) -> tuple[bytes, str]:
        """A picture and its media type.

        Args:
            url: where it is.
            anywhere: whether any host is fetched from and redirects are followed (the flaw `ssrf`).

        Raises:
            ShopError: the host is not allowed, does not answer, or answers something else than a small picture.
        """
        try:
            parts = urlsplit(url)
            place = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        except ValueError as error:
            raise ShopError(422, "expected a URL") from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ShopError(422, "expected an http or https URL")
        if place in self.built_in:
            return self.built_in[place], "image/png"
        if not anywhere and (place not in self.allowed or "@" in parts.netloc):
            raise ShopError(422, "pictures are taken from our image hosts only")
        content, media_type = await _get(url, follow=anywhere)
        if not anywhere and not media_type.startswith("image/"):
            raise ShopError(422, "expected a picture")
        return content, media_type


async def _get(url: str, *, follow: bool) -> tuple[bytes, str]:
    content = bytearray()
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=follow, trust_env=False) as client,
            client.stream("GET", url) as response,
        ):
            async for chunk in response.aiter_bytes():
                content += chunk
                if len(content) > LARGEST:
                    raise ShopError(422, "expected a picture of at most 1 MiB")
            media_type = response.headers.get("content-type", "application/octet-stream").split(";")[0].strip()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ShopError(422, "the picture could not be fetched") from error
    return bytes(content), media_type
