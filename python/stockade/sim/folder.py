"""A folder from which a real gateway is run in front of a simulated world: contract, key set and config."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from stockade.sim.drive import ISSUER, api_key
from stockade.sim.ground import Ground

KEY = hashlib.sha256(b"simulated worlds have no secrets").digest()
"""The secret that signs tokens of simulated people; for nothing else."""


def write(folder: Path, ground: Ground, upstream: str, listen: str, admin: str) -> Path:
    """Write the folder.

    Args:
        folder: made when it is not there.
        ground: the world.
        upstream: where its API listens.
        listen: where the gateway is to listen.
        admin: where the admin API is to listen.

    Returns:
        The config file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "openapi.json").write_text(json.dumps(_document(ground)), encoding="utf-8")
    key = {"kty": "oct", "alg": "HS256", "kid": "sim", "k": base64.urlsafe_b64encode(KEY).rstrip(b"=").decode()}
    (folder / "keys.json").write_text(json.dumps({"keys": [key]}), encoding="utf-8")
    config = folder / "stockade.yaml"
    config.write_text(yaml.safe_dump(_config(ground, upstream, listen, admin), sort_keys=False), encoding="utf-8")
    return config


def _document(ground: Ground) -> dict[str, Any]:
    """The contract, with nothing in it that the gateway could refuse by itself."""
    paths: dict[str, Any] = {}
    for operation in ground.catalogue.operations.values():
        places = [("path", name) for name in operation.parameters] + [("query", name) for name in operation.query]
        told: dict[str, Any] = {
            "operationId": operation.id,
            "tags": list(operation.roles),
            "parameters": [
                {"in": place, "name": name, "required": place == "path", "schema": {"type": "string"}}
                for place, name in places
            ],
            "responses": {"default": {"description": "whatever comes"}},
        }
        if operation.method in ("POST", "PUT", "PATCH"):
            told["requestBody"] = {"content": {"application/json": {"schema": {}}}}
        paths.setdefault(operation.path, {})[operation.method.lower()] = told
    return {"openapi": "3.0.3", "info": {"title": ground.catalogue.api, "version": "1"}, "paths": paths}


def _config(ground: Ground, upstream: str, listen: str, admin: str) -> dict[str, Any]:
    keys = [
        {
            "id": f"key-{person.name}".lower(),
            "sha256": hashlib.sha256(api_key(person.name).encode()).hexdigest(),
            "subject": person.name,
            "roles": [person.role.name],
        }
        for person in ground.people.everybody
        if person.role.credential == "key"
    ]
    methods: list[dict[str, Any]] = [{"jwt": {"keys_file": "keys.json", "issuer": ISSUER, "algorithms": ["HS256"]}}]
    if keys:
        methods.append({"api_key": {"header": "x-api-key", "keys": keys}})
    return {
        "version": 1,
        "gateway": {"listen": listen, "trusted_proxies": ["127.0.0.1/32"]},
        "admin": {"listen": admin},
        "data": "data",
        "apis": {
            ground.catalogue.api: {
                "upstream": upstream,
                "spec": "openapi.json",
                "contract": {"unknown_operations": "pass"},
                "identity": {"methods": methods, "anonymous": {"tags": ["anonymous"]}},
            }
        },
    }
