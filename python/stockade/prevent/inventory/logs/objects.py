"""JSON: lines with one request each (Caddy, API Gateway, nginx, Envoy, Stockade's own), HAR, Postman collections."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from stockade.prevent.inventory.logs.entry import Entry, entry_of, iso_second
from stockade.prevent.inventory.shapes import shape_of

_METHOD = ("method", "httpMethod", "request_method", "http_method", "verb")
_TARGET = ("path", "uri", "url", "request_uri", "resourcePath", "rawPath", "target", "http_path")
_STATUS = ("status", "status_code", "response_code", "statusCode", "code")
_ADDRESS = ("remote_ip", "client_ip", "remote_addr", "ip", "sourceIp", "address", "client", "downstream_remote_address")
_USER = ("user", "user_id", "remote_user", "caller", "subject", "actor")
_AGENT = ("user_agent", "http_user_agent", "userAgent", "agent")
_TIME = ("ts", "time", "timestamp", "start_time", "requestTime", "@timestamp", "time_iso8601")
_HOST = ("host", "domainName", "authority", "authority_for")

NESTED_MOST = 32
"""Folders inside folders of a Postman collection that are followed."""


def json_line(line: str) -> Entry | None:
    """One JSON object; its members are found by the names that servers give them."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return _entry(value) if isinstance(value, dict) else None


def har(document: Mapping[str, Any]) -> Iterator[Entry | None]:
    """The entries of a HAR document; None for one that cannot be read."""
    log = document.get("log")
    for item in (log.get("entries") if isinstance(log, dict) else None) or ():
        try:
            request, response = item["request"], item.get("response") or {}
            headers = {str(field["name"]).lower(): str(field["value"]) for field in request.get("headers") or ()}
            entry = entry_of(
                str(request["method"]).upper(),
                str(request["url"]),
                response.get("status"),
                agent=headers.get("user-agent"),
                second=iso_second(str(item.get("startedDateTime", ""))),
            )
            asked, answered = _har_shape(request.get("postData")), _har_shape(response.get("content"))
            yield entry and entry._replace(request_shape=asked, response_shape=answered)
        except (KeyError, TypeError, AttributeError):
            yield None


def _har_shape(content: Any) -> str | None:
    if not isinstance(content, dict) or not isinstance(content.get("text"), str):
        return None
    text = content["text"]
    if content.get("encoding") == "base64":
        try:
            body = base64.b64decode(text, validate=True)
        except ValueError:
            return None
    else:
        body = text.encode("utf-8", "replace")
    kind = content.get("mimeType")
    return shape_of(kind if isinstance(kind, str) else None, None, body)


def postman(document: Mapping[str, Any]) -> Iterator[Entry | None]:
    """The requests of a Postman collection (v2); variables such as `:id` and `{{id}}` stay what they are."""
    waiting = [(item, 0) for item in reversed(document.get("item") or [])]
    while waiting:
        item, depth = waiting.pop()
        if not isinstance(item, dict) or depth > NESTED_MOST:
            yield None
            continue
        inner = item.get("item")
        if isinstance(inner, list):
            waiting += [(one, depth + 1) for one in reversed(inner)]
            continue
        request = item.get("request")
        yield _of_postman(request if isinstance(request, dict) else {"url": request})


def _of_postman(request: Mapping[str, Any]) -> Entry | None:
    url = request.get("url")
    if isinstance(url, dict):
        path = url.get("path")
        target = "/" + "/".join(str(part) for part in path) if isinstance(path, list) else str(url.get("raw", ""))
    else:
        target = str(url or "")
    target = target.partition("}}")[2] if target.startswith("{{") else target
    return entry_of(str(request.get("method") or "GET").upper(), target or "/", None)


def _entry(value: Mapping[str, Any]) -> Entry | None:
    # Caddy and Stockade put the request into an object of its own.
    request = value.get("request")
    merged: Mapping[str, Any] = {**value, **request} if isinstance(request, dict) else value
    headers = merged.get("headers")
    agent = _first(merged, _AGENT)
    if agent is None and isinstance(headers, dict):
        given = headers.get("User-Agent") or headers.get("user-agent")
        agent = given[0] if isinstance(given, list) and given else given
    method, target = _first(merged, _METHOD), _first(merged, _TARGET)
    client = value.get("client")
    address = client.get("address") if isinstance(client, dict) else _first(merged, _ADDRESS)
    if method is None and isinstance(request, str):
        # nginx's `$request`: `GET /path HTTP/1.1`.
        method, _, rest = request.partition(" ")
        target = rest.partition(" ")[0]
    if method is None or target is None:
        return None
    response = value.get("response")
    status = response.get("status") if isinstance(response, dict) else _first(merged, _STATUS)
    query = merged.get("query")
    text = str(target)
    if isinstance(query, str) and query and "?" not in text:
        text = f"{text}?{query}"
    return entry_of(
        str(method).upper(),
        text,
        status if isinstance(status, int | str) else None,
        address=str(address) if address is not None else None,
        user=_text(_first(merged, _USER)),
        agent=_text(agent),
        second=_second(_first(merged, _TIME)),
        host=_text(_first(merged, _HOST)),
    )


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        found = value.get(name)
        if found is not None and not isinstance(found, dict | list):
            return found
    return None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _second(value: Any) -> int | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        # Seconds, milliseconds or microseconds, told apart by their size.
        for factor in (1, 1_000, 1_000_000, 1_000_000_000):
            if value / factor < 1e11:
                return int(value / factor)
        return None
    return iso_second(str(value))
