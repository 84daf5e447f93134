import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

Plan = dict[str, Any]


def sealed(payload: bytes, key: Ed25519PrivateKey = KEY) -> bytes:
    """A bundle's bytes, as the format says and not as the product writes them."""
    signed = struct.pack("<8sIQ", b"STKDBNDL", 1, len(payload)) + hashlib.sha256(payload).digest()
    return signed + key.sign(signed) + payload


@pytest.fixture
def plan() -> Plan:
    """One API on a free port, everything on that needs no operations."""
    return {
        "format": 1,
        "version": 1,
        "created_at": 0,
        "gateway": {
            "name": "gateway-1",
            "listeners": [{"address": "127.0.0.1:0", "tls": None}],
            "workers": 1,
            "trusted_proxies": [],
            "refuse_underscore_headers": True,
            "limits": {
                "head_bytes": 32768,
                "target_bytes": 8192,
                "header_bytes": 16384,
                "header_count": 100,
                "trailer_bytes": 8192,
                "chunk_extension_bytes": 4096,
                "body_bytes": 1048576,
                "requests_per_connection": 10000,
                "connections": 1000,
                "connections_per_address": 1000,
                "streams_per_connection": 100,
                "control_frames_per_second": 200,
                "websocket_message_bytes": 1048576,
            },
            "timeouts": {
                "handshake_ms": 5000,
                "head_ms": 10000,
                "idle_ms": 60000,
                "body_ms": 10000,
                "body_bytes_per_second": 1024,
                "write_stall_ms": 20000,
                "drain_ms": 2000,
            },
            "spool": {"max_bytes": 1 << 24, "segment_bytes": 1 << 22, "sync_ms": 100, "full": "drop_oldest"},
            "trial_ms": 0,
        },
        "apis": [
            {
                "name": "shop",
                "hosts": ["*"],
                "base_path": "/",
                "mode": "enforce",
                "upstream": {
                    "targets": [{"url": "http://127.0.0.1:9"}],
                    "protocol": "auto",
                    "tls": {"ca_file": None, "server_name": None},
                    "preserve_host": True,
                    "set_headers": {},
                    "connect_ms": 1000,
                    "idle_ms": 1000,
                    "total_ms": 0,
                    "keep_idle": 4,
                    "retries": 0,
                    "health": None,
                    "outlier": {"consecutive_failures": 0, "eject_ms": 1000, "max_ejected_percent": 50},
                },
                "operations": [],
                "contract": {
                    "unknown_operations": "pass",
                    "unknown_parameters": "pass",
                    "json_depth": 64,
                    "json_values": 20000,
                },
                "identity": {"methods": [], "required": False, "anonymous": [], "strip_credential": False},
                "access": {"rules": []},
                "inspect": {
                    "enabled": True,
                    "threshold": 0.8,
                    "disabled": [],
                    "exceptions": [],
                    "body_bytes": 1048576,
                    "large_bodies": "stream",
                    "decompress_ratio": 100,
                    "decompressed_bytes": 10485760,
                    "values": 10000,
                },
                "limits": [],
                "response": {
                    "leaks": True,
                    "refuse": True,
                    "body_bytes": 262144,
                    "stream_bytes": 4194304,
                    "remove_headers": ["server"],
                },
                "fail": {"contract": "closed", "inspect": "closed", "limit": "open", "response": "open"},
            }
        ],
    }


class DataFolder:
    """A data folder as control leaves it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "keys").mkdir(parents=True)
        (path / "bundles").mkdir()
        (path / "keys" / "bundle.pub").write_bytes(KEY.public_key().public_bytes_raw())

    def put(self, plan: Plan, *, version: int | None = None) -> None:
        """Write a bundle and put it in force."""
        number = plan["version"] if version is None else version
        self.put_bytes(sealed(json.dumps(plan | {"version": number}).encode()), number)

    def put_bytes(self, bundle: bytes, version: int) -> None:
        name = f"{version:012}.bundle"
        (self.path / "bundles" / name).write_bytes(bundle)
        (self.path / "bundles" / "current").write_text(name)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def seal() -> Callable[[bytes, Ed25519PrivateKey], bytes]:
    return sealed
