"""The `gateway` section as `GatewayPlan`."""

from pathlib import Path
from typing import Any

from stockade.config.certificate import Certificate
from stockade.config.gateway import ClientCertificates, Listener
from stockade.config.root import Config
from stockade.prevent.gateway.limits_plan import shared_limits_plan


def gateway_plan(config: Config) -> dict[str, Any]:
    """As in `crates/model/src/plan/gateway.rs`: sizes in bytes, durations in milliseconds."""
    gateway = config.gateway
    limits, timeouts, spool = gateway.limits, gateway.timeouts, gateway.spool
    return {
        "name": gateway.name,
        "listeners": [_listener(listener, config.data) for listener in gateway.listen],
        "workers": gateway.workers,
        "trusted_proxies": list(gateway.trusted_proxies),
        "refuse_underscore_headers": gateway.refuse_underscore_headers,
        "answer_acme_challenges": config.acme is not None,
        "limits": {
            "head_bytes": limits.head.bytes,
            "target_bytes": limits.target.bytes,
            "header_bytes": limits.header.bytes,
            "header_count": limits.headers,
            "trailer_bytes": limits.trailer.bytes,
            "chunk_extension_bytes": limits.chunk_extensions.bytes,
            "body_bytes": limits.body.bytes,
            "requests_per_connection": limits.requests_per_connection,
            "connections": limits.connections,
            "connections_per_address": limits.connections_per_address,
            "streams_per_connection": limits.streams,
            "control_frames_per_second": limits.control_frames,
            "websocket_message_bytes": limits.websocket_message.bytes,
            "waiting_exchanges": limits.waiting,
        },
        "timeouts": {
            "handshake_ms": timeouts.handshake.ms,
            "head_ms": timeouts.head.ms,
            "idle_ms": timeouts.idle.ms,
            "body_ms": timeouts.body.ms,
            "body_bytes_per_second": timeouts.body_rate.bytes,
            "write_stall_ms": timeouts.write_stall.ms,
            "drain_ms": timeouts.drain.ms,
        },
        "spool": {
            "max_bytes": spool.max.bytes,
            "segment_bytes": spool.segment.bytes,
            "sync_ms": spool.sync.ms,
            "full": spool.full,
            "encrypt": spool.encrypt,
        },
        "excerpt_bytes": gateway.excerpt.bytes,
        "trial_ms": gateway.trial.ms,
        **({"seclang_log": str(gateway.seclang_log)} if gateway.seclang_log else {}),
        "shared_limits": shared_limits_plan(gateway.shared_limits),
    }


def _listener(listener: Listener, data: Path) -> dict[str, Any]:
    address = listener.address
    if listener.tls is None:
        return {"address": address, "tls": None}
    clients = listener.tls.client_certificates
    tls = {
        "certificates": [certificate_plan(pair.files(data)) for pair in listener.tls.certificates],
        "min_version": listener.tls.min_version,
        "client_certificates": None if clients is None else _clients(clients),
    }
    return {"address": address, "tls": tls}


def certificate_plan(pair: Certificate) -> dict[str, Any]:
    """As in `CertificatePlan`."""
    return {"certificate_file": str(pair.certificate_file), "key_file": str(pair.key_file)}


def _clients(clients: ClientCertificates) -> dict[str, Any] | None:
    if clients.mode == "off" or clients.ca_file is None:
        return None
    return {
        "required": clients.mode == "required",
        "ca_file": str(clients.ca_file),
        "crl_files": [str(file) for file in clients.crl_files],
    }
