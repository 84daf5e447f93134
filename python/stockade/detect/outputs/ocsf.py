"""Events in the Open Cybersecurity Schema Framework, version 1.4.

An exchange becomes an API Activity (6003) when its operation is known and an HTTP Activity (4002) when it is not; one
that was refused, or in which a detector found something, becomes a Detection Finding (2004) too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

VERSION = "1.4.0"
"""Version of the schema."""

HTTP_ACTIVITY, API_ACTIVITY, DETECTION_FINDING = 4002, 6003, 2004

_HTTP = {"CONNECT": 1, "DELETE": 2, "GET": 3, "HEAD": 4, "OPTIONS": 5, "POST": 6, "PUT": 7, "TRACE": 8, "PATCH": 9}
_API = {"POST": 1, "GET": 2, "HEAD": 2, "PUT": 3, "PATCH": 3, "DELETE": 4}
_OTHER = 99
_SEVERITY = {"allowed": 1, "would_refuse": 3, "refused": 3, "failed": 2}


def ocsf_of(record: Mapping[str, Any], version: str) -> list[dict[str, Any]]:
    """The OCSF events of one record; a notice of the gateway has none.

    Args:
        record: as in the spool.
        version: of Stockade.
    """
    if record.get("kind") != "exchange":
        return []
    activity = _activity(record, version)
    if record.get("refusals") or record.get("findings"):
        return [activity, _finding(record, version)]
    return [activity]


def _activity(record: Mapping[str, Any], version: str) -> dict[str, Any]:
    request, operation = record.get("request") or {}, record.get("operation")
    method = request.get("method", "")
    if operation is None:
        found = _base(record, version, HTTP_ACTIVITY, 4, _HTTP.get(method, _OTHER))
    else:
        found = _base(record, version, API_ACTIVITY, 6, _API.get(method, _OTHER))
        found["api"] = {"operation": operation, "service": {"name": record.get("api")}}
        found["actor"] = {"user": {"uid": record["actor"], "type": "User" if record.get("identity") else "Unknown"}}
    found["http_request"] = _without_none(
        {
            "http_method": method or None,
            "user_agent": request.get("user_agent"),
            "version": request.get("version"),
            "length": request.get("body_bytes"),
            "url": _without_none(
                {
                    "scheme": request.get("scheme"),
                    "hostname": request.get("authority"),
                    "path": request.get("path"),
                    "query_string": request.get("query"),
                }
            ),
        }
    )
    response = record.get("response")
    if response:
        found["http_response"] = _without_none(
            {
                "code": response["status"],
                "length": response.get("body_bytes"),
                "content_type": response.get("content_type"),
            }
        )
    found["status_id"] = 1 if record["verdict"] in ("allowed", "would_refuse") else 2
    found["duration"] = record["timing"]["total_us"] // 1000
    return found


def _finding(record: Mapping[str, Any], version: str) -> dict[str, Any]:
    refusals, findings = record.get("refusals") or [], record.get("findings") or []
    title = refusals[-1]["reason"] if refusals else findings[0]["detector"]
    found = _base(record, version, DETECTION_FINDING, 2, 1)
    found["finding_info"] = {
        "uid": record["id"],
        "title": title,
        "desc": refusals[-1]["detail"] if refusals else findings[0].get("note", ""),
        "types": sorted({finding["detector"] for finding in findings}),
        "created_time": found["time"],
    }
    found["evidences"] = [
        {"data": {name: finding.get(name) for name in ("detector", "place", "confidence", "evidence", "note")}}
        for finding in findings
    ]
    found["status_id"] = 1
    return found


def _base(record: Mapping[str, Any], version: str, kind: int, category: int, activity: int) -> dict[str, Any]:
    client, verdict = record["client"], record["verdict"]
    return {
        "metadata": {
            "version": VERSION,
            "product": {"name": "Stockade", "vendor_name": "Stockade", "version": version},
            "uid": record["id"],
            "log_provider": record["gateway"],
        },
        "category_uid": category,
        "class_uid": kind,
        "activity_id": activity,
        "type_uid": kind * 100 + activity,
        "time": record["time"] // 1000,
        "severity_id": _SEVERITY.get(verdict, 0),
        "action_id": 2 if verdict == "refused" else 1,
        "disposition_id": 2 if verdict == "refused" else 1,
        "src_endpoint": {"ip": client["address"], "port": client["port"]},
        "unmapped": {"verdict": verdict, "actor": record["actor"]},
    }


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: inner for name, inner in value.items() if inner is not None}
