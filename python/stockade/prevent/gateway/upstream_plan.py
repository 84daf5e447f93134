"""An API's `upstream` as `UpstreamPlan`."""

from typing import Any

from stockade.config.upstream import Upstream
from stockade.prevent.gateway.gateway_plan import certificate_plan


def upstream_plan(upstream: Upstream) -> dict[str, Any]:
    """As in `crates/model/src/plan/api.rs`; secrets in `set_headers` are in clear, as the gateway sends them."""
    health = upstream.health
    return {
        "targets": [{"url": url} for url in upstream.targets],
        "protocol": upstream.protocol,
        "tls": {
            "ca_file": str(upstream.tls.ca_file) if upstream.tls.ca_file else None,
            "server_name": upstream.tls.server_name,
            "client_certificate": certificate_plan(pair) if (pair := upstream.tls.client_certificate) else None,
        },
        "preserve_host": upstream.preserve_host,
        "forward_client_certificate": upstream.forward_client_certificate,
        "set_headers": {name: value.get_secret_value() for name, value in upstream.set_headers.items()},
        "connect_ms": upstream.timeouts.connect.ms,
        "idle_ms": upstream.timeouts.idle.ms,
        "total_ms": upstream.timeouts.total.ms,
        "keep_idle": upstream.keep_idle,
        "retries": upstream.retries,
        "health": None
        if health is None
        else {
            "path": health.path,
            "interval_ms": health.interval.ms,
            "timeout_ms": health.timeout.ms,
            "healthy_after": health.healthy_after,
            "unhealthy_after": health.unhealthy_after,
        },
        "outlier": {
            "consecutive_failures": upstream.outlier.consecutive_failures,
            "eject_ms": upstream.outlier.eject.ms,
            "max_ejected_percent": upstream.outlier.max_ejected_percent,
        },
    }
