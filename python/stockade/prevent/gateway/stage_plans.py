"""The settings of each stage as the plan of that stage (`crates/model/src/plan/stages.rs`)."""

from datetime import datetime
from typing import Any

from stockade.config.api import Api
from stockade.config.identity import ApiKey, Identity, Method
from stockade.config.inspect import Inspect
from stockade.config.key_set import read_key_set
from stockade.config.selector import Selector


def selector_plan(selector: Selector) -> dict[str, Any]:
    """As in `OperationSelector`: all lists that are not empty must fit."""
    return {
        "operations": list(selector.operations),
        "tags": list(selector.tags),
        "methods": list(selector.methods),
        "paths": list(selector.paths),
    }


def identity_plan(identity: Identity) -> dict[str, Any]:
    """As in `IdentityPlan`.

    Raises:
        KeySetError: a key set cannot be read.
    """
    return {
        "methods": [_method(method) for method in identity.methods],
        "required": identity.is_required,
        "anonymous": _alternatives(identity.anonymous) if identity.anonymous else [],
        "strip_credential": identity.strip_credential,
    }


def _alternatives(selector: Selector) -> list[dict[str, Any]]:
    """One selector for each of `operations`, `tags` and `paths`: any of them opens an operation."""
    methods = selector.methods
    kinds = [{kind: getattr(selector, kind)} for kind in ("operations", "tags", "paths") if getattr(selector, kind)]
    return [selector_plan(Selector(methods=methods, **kind)) for kind in kinds or [{}]]


def _method(method: Method) -> dict[str, Any]:
    if method.jwt is not None:
        jwt = method.jwt
        return {
            "kind": "jwt",
            "name": jwt.name,
            "keys": read_key_set(jwt.keys_file),
            "algorithms": list(jwt.algorithms),
            "issuers": list(jwt.issuer),
            "audiences": list(jwt.audience),
            "skew_s": jwt.skew.ms // 1000,
            "roles_claim": jwt.roles_claim,
            "scopes_claim": jwt.scopes_claim,
            "required_claims": list(jwt.required_claims),
        }
    keys = method.api_key
    if keys is None:
        raise ValueError("a method without a kind")
    places = (("header", keys.header), ("query", keys.query), ("cookie", keys.cookie))
    place, parameter = next((place, name) for place, name in places if name is not None)
    return {
        "kind": "api_key",
        "name": keys.name,
        "place": place,
        "parameter": parameter,
        "keys": [_key(key) for key in keys.keys],
    }


def _key(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "sha256": key.digest,
        "subject": key.subject,
        "roles": list(key.roles),
        "scopes": list(key.scopes),
        "expires_at": _microseconds(key.expires),
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
                "expires_at": _microseconds(exception.expires),
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


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else max(0, int(moment.timestamp() * 1_000_000))
