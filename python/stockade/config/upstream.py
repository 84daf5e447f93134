"""The `upstream` of an API: where cleared requests go, and how."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from stockade.config.certificate import Certificate
from stockade.config.section import Section
from stockade.config.values import ConfigPath, Duration, FieldName, SecretRef, TargetUrl, Within


class UpstreamTls(Section):
    """TLS towards the upstream, for `https` targets."""

    ca_file: ConfigPath | None = Field(default=None, examples=["tls/internal-ca.pem"])
    """PEM file of trusted roots; the public ones when absent."""
    server_name: str | None = Field(default=None, examples=["orders.internal"])
    """Name that the certificate must carry; the target's host when absent."""
    client_certificate: Certificate | None = None
    """Certificate shown to targets that ask for one (mutual TLS)."""


class UpstreamTimeouts(Section):
    """Deadlines towards the upstream."""

    connect: Annotated[Duration, Within("1ms", "5m")] = Duration(3_000)
    """Time to connect, TLS included (502)."""
    idle: Annotated[Duration, Within("1ms", "24h")] = Duration(30_000)
    """Silence while waiting for the head, or within a body (504). Streams may be silent for ever."""
    total: Annotated[Duration, Within("0s", "24h")] = Duration(0)
    """From sending the request to the end of the answer (504); `0s` means no such limit. Streams are exempt."""


class Health(Section):
    """Active health checks of the targets."""

    path: str = Field(default="/healthz", pattern=r"^/[!-~]*$", examples=["/healthz"])
    """Path to GET; an answer of 2xx is healthy."""
    interval: Annotated[Duration, Within("100ms", "1h")] = Duration(5_000)
    """Time between two checks."""
    timeout: Annotated[Duration, Within("10ms", "1m")] = Duration(2_000)
    """Time for one check."""
    healthy_after: Annotated[int, Field(ge=1, le=100)] = 1
    """Good checks in a row until a target is used again."""
    unhealthy_after: Annotated[int, Field(ge=1, le=100)] = 2
    """Bad checks in a row until a target is left out."""


class Outlier(Section):
    """Leaves out a target that keeps failing; the last one is never left out."""

    consecutive_failures: Annotated[int, Field(ge=0, le=250)] = 5
    """Connection failures and answers of 502, 503, 504 in a row; 0 turns it off."""
    eject: Annotated[Duration, Within("100ms", "1h")] = Duration(30_000)
    """How long the target is left out."""
    max_ejected_percent: Annotated[int, Field(ge=0, le=100)] = 50
    """Largest share of targets left out at once, percent."""


class Upstream(Section):
    """Where cleared requests go. A URL alone, or a list of URLs, is short for `targets`."""

    targets: Annotated[tuple[TargetUrl, ...], Field(min_length=1, max_length=1000, strict=False)] = Field(
        examples=[["http://127.0.0.1:9000"]]
    )
    """Targets; of two random ones the less busy is taken."""
    protocol: Literal["auto", "http1", "http2"] = "auto"
    """`auto`: HTTP/2 where TLS agrees on it, else HTTP/1.1. `http2` without TLS uses prior knowledge."""
    tls: UpstreamTls = UpstreamTls()
    """TLS towards `https` targets."""
    preserve_host: bool = True
    """Whether the client's `Host` is passed on; otherwise the target's."""
    timeouts: UpstreamTimeouts = UpstreamTimeouts()
    """Deadlines."""
    retries: Annotated[int, Field(ge=0, le=10)] = 1
    """How often a request that is safe to repeat is tried elsewhere after a connection failure."""
    keep_idle: Annotated[int, Field(ge=0, le=10_000)] = 64
    """Idle connections kept for each worker and target."""
    health: Health | None = None
    """Active health checks; none when absent."""
    outlier: Outlier = Outlier()
    """Passive ejection of a target that keeps failing."""
    forward_client_certificate: bool = False
    """Whether the caller's verified certificate is passed on in `Client-Cert` (RFC 9440). A `Client-Cert` or
    `Client-Cert-Chain` that a caller sends itself is always taken out."""
    set_headers: Mapping[FieldName, SecretRef] = Field(
        default={}, examples=[{"authorization": "Bearer ${env:SHOP_TOKEN}"}]
    )
    """Header fields set on every request to the upstream, in place of the client's."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"targets": (value,)}
        return {"targets": value} if isinstance(value, list | tuple) else value
