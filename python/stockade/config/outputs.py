"""The `outputs` section: who else is told of events."""

from typing import Annotated, Literal

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import SecretRef

_PLACE = (
    r"^(?:file:/[^\x00-\x1f]{1,1000}"
    r"|syslog\+(?:udp|tcp|tls)://[A-Za-z0-9.\-\[\]:]{1,255}:[0-9]{1,5}"
    r"|kafka://[A-Za-z0-9.\-\[\]:,]{1,1000}/[A-Za-z0-9._\-]{1,249}"
    r"|(?:otlp\+)?https?://[!-~]{1,1000})$"
)


class Output(Section):
    """One receiver of events. What it does not take is tried again, and waits in a queue of 10,000 records."""

    to: Annotated[str, Field(pattern=_PLACE)] = Field(
        examples=[
            "syslog+tls://siem.example:6514",
            "https://hooks.example/stockade",
            "file:/var/log/stockade.ocsf.jsonl",
        ]
    )
    """Where: `file:/PATH` (OCSF as JSON lines), `syslog+udp://HOST:PORT`, `syslog+tcp://` or `syslog+tls://` (RFC 5424
    with OCSF), `https://...` (a webhook), `otlp+https://COLLECTOR` (OpenTelemetry logs and traces), or
    `kafka://BROKER:PORT,.../TOPIC` (records as JSON; needs the extra package `stockade[kafka]`)."""
    events: Literal["suspicious", "all"] = "suspicious"
    """Which: those that were refused, failed or looked at twice; or every one."""
    secret: SecretRef | None = Field(default=None, examples=[{"env": "HOOK_SECRET"}])
    """Signs webhooks with HMAC-SHA-256 in `x-stockade-signature`; not used by others."""
