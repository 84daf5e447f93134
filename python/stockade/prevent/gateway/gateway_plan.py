"""The `gateway` section as `GatewayPlan`."""

from typing import Any

from stockade.config.gateway import Gateway, Listener


def gateway_plan(gateway: Gateway) -> dict[str, Any]:
    """As in `crates/model/src/plan/gateway.rs`: sizes in bytes, durations in milliseconds."""
    limits, timeouts, spool = gateway.limits, gateway.timeouts, gateway.spool
    return {
        "name": gateway.name,
        "listeners": [_listener(listener) for listener in gateway.listen],
        "workers": gateway.workers,
        "trusted_proxies": list(gateway.trusted_proxies),
        "refuse_underscore_headers": gateway.refuse_underscore_headers,
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
        },
        "trial_ms": gateway.trial.ms,
        **({"seclang_log": str(gateway.seclang_log)} if gateway.seclang_log else {}),
    }


def _listener(listener: Listener) -> dict[str, Any]:
    address = listener.address
    if listener.tls is None:
        return {"address": address, "tls": None}
    certificates = [
        {"certificate_file": str(pair.certificate_file), "key_file": str(pair.key_file)}
        for pair in listener.tls.certificates
    ]
    return {"address": address, "tls": {"certificates": certificates, "min_version": listener.tls.min_version}}
