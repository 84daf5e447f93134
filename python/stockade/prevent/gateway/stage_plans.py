"""The settings of each stage as the plan of that stage (`crates/model/src/plan/stages.rs`)."""

from datetime import datetime
from typing import Any

from stockade.config.api import Api
from stockade.config.inspect import Inspect
from stockade.config.selector import Selector


def selector_plan(selector: Selector) -> dict[str, Any]:
    """As in `OperationSelector`: all lists that are not empty must fit."""
    return {
        "operations": list(selector.operations),
        "tags": list(selector.tags),
        "methods": list(selector.methods),
        "paths": list(selector.paths),
    }


def contract_plan(api: Api) -> dict[str, Any]:
    """As in `ContractPlan`: with a spec, what it does not name is refused unless said otherwise."""
    default = "pass" if api.spec is None else "refuse"
    return {
        "unknown_operations": api.contract.unknown_operations or default,
        "unknown_parameters": api.contract.unknown_parameters or default,
        "unknown_fields": api.contract.unknown_fields,
        "responses": api.contract.responses,
        "response_classes": list(api.contract.response_classes),
        "formats": api.contract.formats == "check",
        "json_depth": api.contract.json_depth,
        "json_values": api.contract.json_values,
    }


def inspect_plan(inspect: Inspect) -> dict[str, Any]:
    """As in `InspectPlan`."""
    return {
        "enabled": inspect.enabled,
        "threshold": inspect.threshold,
        "disabled": list(inspect.disabled),
        "learn": inspect.learn,
        "exceptions": [
            {
                "operation": exception.operation,
                "place": exception.place,
                "detector": exception.detector,
                "reason": exception.reason,
                "expires_at": microseconds(exception.expires),
            }
            for exception in inspect.exceptions
        ],
        "body_bytes": inspect.body.bytes,
        "large_bodies": inspect.large_bodies,
        "decompress_ratio": inspect.decompress_ratio,
        "decompressed_bytes": inspect.decompressed.bytes,
        "values": inspect.values,
    }


def response_plan(api: Api) -> dict[str, Any]:
    """As in `ResponsePlan`."""
    return {
        "leaks": api.response.leaks,
        "refuse": api.response.refuse,
        "body_bytes": api.response.body.bytes,
        "stream_bytes": api.response.stream.bytes,
        "remove_headers": list(api.response.remove_headers),
    }


def microseconds(moment: datetime | None) -> int | None:
    """A moment as microseconds since the epoch."""
    return None if moment is None else max(0, int(moment.timestamp() * 1_000_000))
