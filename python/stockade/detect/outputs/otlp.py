"""OpenTelemetry: each exchange as a span and, when it stood out, as a log record (OTLP/HTTP with JSON).

A trace that the caller sent is kept. Else the exchange starts one: its id has the 128 bits of a trace id, so the trace
of `x-stockade-id` is found by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from stockade.detect.outputs.sink import Record
from stockade.detect.outputs.webhook import WAIT_S, refuse

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SEVERITY = {"allowed": (9, "INFO"), "would_refuse": (13, "WARN"), "refused": (13, "WARN"), "failed": (17, "ERROR")}
_SERVER = 2


class OtlpSink:
    """Posts to `/v1/traces` and `/v1/logs` of a collector.

    Args:
        url: of the collector, without these paths.
        version: of Stockade.
        transport: for tests.
    """

    def __init__(self, url: str, version: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._version = version
        self._client = httpx.Client(timeout=WAIT_S, follow_redirects=False, trust_env=False, transport=transport)

    def send(self, batch: Sequence[Record], number: int) -> None:
        """Post a batch; see `Sink`."""
        exchanges = [record for record in batch if record.get("kind") == "exchange"]
        spans = [span_of(record) for record in exchanges]
        logs = [log_of(record) for record in exchanges if record["verdict"] != "allowed" or record.get("findings")]
        if spans:
            self._post("/v1/traces", {"resourceSpans": [self._scoped("scopeSpans", "spans", spans)]})
        if logs:
            self._post("/v1/logs", {"resourceLogs": [self._scoped("scopeLogs", "logRecords", logs)]})

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    def _scoped(self, scopes: str, items: str, found: list[dict[str, Any]]) -> dict[str, Any]:
        resource = {"attributes": _attributes({"service.name": "stockade", "service.version": self._version})}
        return {"resource": resource, scopes: [{"scope": {"name": "stockade"}, items: found}]}

    def _post(self, path: str, value: Mapping[str, Any]) -> None:
        try:
            answer = self._client.post(self._url + path, json=value)
        except httpx.HTTPError as error:
            raise OSError(f"no answer: {error}") from error
        refuse(answer)


def span_of(record: Record) -> dict[str, Any]:
    """The span of an exchange."""
    request, response = record.get("request") or {}, record.get("response") or {}
    start = record["time"] * 1000
    name = record.get("operation") or request.get("method") or "HTTP"
    failed = record["verdict"] == "failed" or response.get("status", 0) >= 500
    return {
        **_ids(record),
        "name": name,
        "kind": _SERVER,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + record["timing"]["total_us"] * 1000),
        "attributes": _attributes(_facts(record)),
        "status": {"code": 2} if failed else {},
    }


def log_of(record: Record) -> dict[str, Any]:
    """The log record of an exchange that stood out."""
    number, text = _SEVERITY.get(record["verdict"], (9, "INFO"))
    refusals = record.get("refusals") or []
    return {
        **{name: value for name, value in _ids(record).items() if name != "parentSpanId"},
        "timeUnixNano": str(record["time"] * 1000),
        "severityNumber": number,
        "severityText": text,
        "body": {"stringValue": refusals[-1]["detail"] if refusals else record["verdict"]},
        "attributes": _attributes(_facts(record)),
    }


def _facts(record: Record) -> dict[str, Any]:
    request, response = record.get("request") or {}, record.get("response") or {}
    refusals = record.get("refusals") or []
    return {
        "http.request.method": request.get("method"),
        "http.response.status_code": response.get("status"),
        "url.path": request.get("path"),
        "url.scheme": request.get("scheme"),
        "server.address": request.get("authority"),
        "client.address": record["client"]["address"],
        "user_agent.original": request.get("user_agent"),
        "stockade.id": record["id"],
        "stockade.api": record.get("api"),
        "stockade.operation": record.get("operation"),
        "stockade.verdict": record["verdict"],
        "stockade.actor": record["actor"],
        "stockade.reason": refusals[-1]["reason"] if refusals else None,
        "stockade.engine_us": record["timing"]["engine_us"],
        "stockade.upstream_us": record["timing"]["upstream_us"],
    }


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}}
        for key, value in values.items()
        if value is not None
    ]


def _ids(record: Record) -> dict[str, str]:
    number = 0
    for letter in record["id"]:
        number = number * 32 + max(0, _LETTERS.find(letter))
    own = f"{number & ((1 << 128) - 1):032x}"
    # As in `crates/model/src/trace.rs`: the upstream was told the same span.
    span = own[16:] if own[16:].strip("0") else f"{1:016x}"
    kept = record.get("trace")
    if kept:
        return {"traceId": kept["id"], "spanId": span, "parentSpanId": kept["parent"]}
    return {"traceId": own, "spanId": span}
