"""Addresses: where to listen, which networks, where the upstream is."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from stockade.config.values.refuse import refuse

_HOST = re.compile(
    r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?"
)
_LISTEN_HINT = "write `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`"
_TARGET_HINT = "write `http://host:port` or `https://host:port`"


def split_address(text: str) -> tuple[str, int]:
    """Split `address:port`; brackets of an IPv6 address are taken off.

    Raises:
        ValueError: it is not an IP address and a port.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or len(port) > 5 or int(port) > 65535:
        raise ValueError("no port")
    bracketed = host.startswith("[") and host.endswith("]")
    address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    if bracketed != (address.version == 6):
        raise ValueError("brackets belong to IPv6")
    return str(address), int(port)


def _listen(text: str) -> str:
    text = text.replace("localhost:", "127.0.0.1:", 1) if text.startswith("localhost:") else text
    try:
        split_address(text)
    except ValueError:
        refuse("expected `address:port` with an IP address and a port of 0 to 65535", _LISTEN_HINT)
    return text


def _cidr(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        refuse("expected an IP address or a range in CIDR notation", "write `10.0.0.0/8` or `2001:db8::/32`")


def _target(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        refuse("expected the URL of an upstream", _TARGET_HINT)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or any(ord(character) <= 32 for character in text):
        refuse("expected the URL of an upstream", _TARGET_HINT)
    if "@" in parts.netloc:
        refuse("expected an upstream URL without a user and password", "put credentials into `set_headers`")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        hint = "leave the path out: requests keep the path they came with"
        refuse("expected an upstream URL without a path", hint)
    if not _is_host(host) or port == 0:
        refuse("expected the URL of an upstream", _TARGET_HINT)
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}:{port or (443 if parts.scheme == 'https' else 80)}"


def _service(text: str) -> str:
    hint = "write `https://host/path`; `http` only to this machine itself"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        refuse("expected the URL of a service", hint)
    host = parts.hostname or ""
    odd = any(ord(character) <= 32 or ord(character) >= 127 for character in text)
    if parts.scheme not in ("http", "https") or not host or not _is_host(host) or port == 0 or odd:
        refuse("expected the URL of a service", hint)
    if "@" in parts.netloc or parts.fragment:
        refuse("expected a URL without a user, a password and a fragment", hint)
    if parts.scheme == "http" and not _is_loopback(host):
        refuse("expected an `https` URL: whoever is on the way could answer instead", hint)
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    return True


ListenAddress = Annotated[str, AfterValidator(_listen)]
"""`address:port` to listen on."""

Cidr = Annotated[str, AfterValidator(_cidr)]
"""A range of addresses in CIDR notation (RFC 4632)."""

TargetUrl = Annotated[str, AfterValidator(_target)]
"""`http://host:port` or `https://host:port`; the port is filled in."""

ServiceUrl = Annotated[str, AfterValidator(_service)]
"""`https://host[:port][/path][?query]` of a service that control asks; `http` on loopback only."""
