"""The `gateway` section: sockets, TLS, HTTP limits, deadlines, spool."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from stockade.config.certificate import ServedCertificate
from stockade.config.section import Section
from stockade.config.shared_limits import SharedLimits
from stockade.config.values import Cidr, ConfigPath, Duration, ListenAddress, Name, Size, Within
from stockade.config.values.refuse import refuse


class ClientCertificates(Section):
    """Certificates of clients (mutual TLS); the files are read again on each reload and when they change."""

    mode: Literal["off", "optional", "required"] = "required"
    """`required` turns a client without one away in the handshake, `optional` lets it in without a certificate. One
    that does not verify is always turned away."""
    ca_file: ConfigPath | None = Field(default=None, examples=["tls/clients-ca.pem"])
    """PEM file of the authorities that issue them; needed unless `mode` is `off`."""
    crl_files: Annotated[tuple[ConfigPath, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["tls/clients.crl"]]
    )
    """PEM files of revocation lists. With any, a certificate whose issuer has no list is turned away."""

    @model_validator(mode="after")
    def _whole(self) -> "ClientCertificates":
        if self.mode != "off" and self.ca_file is None:
            refuse("expected `ca_file`", "name the PEM file of the authorities, or write `mode: off`")
        return self


class Tls(Section):
    """TLS of one listener."""

    certificates: Annotated[tuple[ServedCertificate, ...], Field(min_length=1, max_length=1000, strict=False)]
    """Certificates; chosen by the server name that the client asks for, the first when none fits."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Oldest TLS version accepted."""
    client_certificates: ClientCertificates | None = None
    """Certificates of clients; none are asked for when absent."""


class Listener(Section):
    """One listening socket; HTTP/1.1 and HTTP/2 are both served on it."""

    address: ListenAddress = Field(examples=["0.0.0.0:8443"])
    """`address:port` to listen on. A change needs a restart."""
    tls: Tls | None = None
    """TLS, when the listener speaks it."""


class HttpLimits(Section):
    """Hard limits on what a client may send; refused in monitor mode too."""

    head: Annotated[Size, Within("1KiB", "1MiB")] = Size(32 * 1024)
    """Request line and header fields together (431)."""
    target: Annotated[Size, Within("256B", "256KiB")] = Size(8 * 1024)
    """Request target: path and query (414)."""
    header: Annotated[Size, Within("256B", "256KiB")] = Size(16 * 1024)
    """One header field, name and value (431)."""
    headers: Annotated[int, Field(ge=4, le=1000)] = 100
    """Number of header fields (431)."""
    trailer: Annotated[Size, Within("0B", "256KiB")] = Size(8 * 1024)
    """Trailer section."""
    chunk_extensions: Annotated[Size, Within("0B", "256KiB")] = Size(4 * 1024)
    """All chunk extensions of one body together."""
    body: Annotated[Size, Within("0B", "1TiB")] = Size(10 * 1024 * 1024)
    """Whole body of a request (413)."""
    requests_per_connection: Annotated[int, Field(ge=1, le=1_000_000_000)] = 10_000
    """Requests on one connection, after which it is closed in order."""
    connections: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """Connections at once."""
    connections_per_address: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Connections at once from one address."""
    streams: Annotated[int, Field(ge=1, le=1000)] = 100
    """Streams at once on one HTTP/2 connection."""
    control_frames: Annotated[int, Field(ge=10, le=1_000_000)] = 200
    """PING, SETTINGS, PRIORITY, RST_STREAM and empty DATA frames in a second on one HTTP/2 connection."""
    websocket_message: Annotated[Size, Within("1KiB", "1GiB")] = Size(1024 * 1024)
    """Largest WebSocket message, in either direction."""
    waiting: Annotated[int, Field(ge=0, le=1_000_000)] = 1000
    """Exchanges that a limit makes wait at once; the next is refused (429)."""


class Timeouts(Section):
    """Deadlines towards clients."""

    handshake: Annotated[Duration, Within("100ms", "5m")] = Duration(5_000)
    """From accept to the end of the TLS handshake."""
    head: Annotated[Duration, Within("100ms", "10m")] = Duration(10_000)
    """From accept, or the first byte of a further request, to the end of its head (408)."""
    idle: Annotated[Duration, Within("100ms", "24h")] = Duration(60_000)
    """Silence on a connection between two requests."""
    body: Annotated[Duration, Within("100ms", "1h")] = Duration(10_000)
    """From the end of the head to the end of the body, plus the body's length at `body_rate` (408)."""
    body_rate: Annotated[Size, Within("1B", "1GiB")] = Size(1024)
    """Slowest body accepted, in bytes a second."""
    write_stall: Annotated[Duration, Within("100ms", "1h")] = Duration(20_000)
    """A client that reads nothing for so long is cut off."""
    drain: Annotated[Duration, Within("0s", "1h")] = Duration(30_000)
    """How long running exchanges may take to end when the gateway stops."""


class Spool(Section):
    """The event spool: what the gateway writes before the control process reads it."""

    max: Annotated[Size, Within("1MiB", "16TiB")] = Size(1024**3)
    """Hard cap on all segments together."""
    segment: Annotated[Size, Within("64KiB", "1GiB")] = Size(64 * 1024**2)
    """Size at which a segment is sealed."""
    sync: Annotated[Duration, Within("1ms", "1m")] = Duration(100)
    """Longest time until a record is on disk."""
    full: Literal["drop_oldest", "drop_newest"] = "drop_oldest"
    """What gives way at the cap: the oldest sealed segment, or the record that does not fit. Both are counted."""
    encrypt: bool = False
    """Whether records are encrypted on disk (AES-256-GCM), under the key in `keys/spool.key` of the data folder."""


def _as_listeners(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    return tuple({"address": item} if isinstance(item, str) else item for item in items)


class Gateway(Section):
    """Sockets, TLS, HTTP limits, deadlines and spool of the gateway."""

    name: Name = "gateway-1"
    """Name of this gateway in events."""
    listen: Annotated[
        tuple[Listener, ...],
        Field(min_length=1, max_length=64),
        BeforeValidator(_as_listeners, json_schema_input_type=str | list[str | Listener] | Listener),
    ] = Field(default=(Listener(address="127.0.0.1:8080"),), examples=["0.0.0.0:8080"])
    """Where clients connect: an address, or a list of addresses and of mappings with `address` and `tls`."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Worker threads; 0 means one for each core."""
    trusted_proxies: Annotated[tuple[Cidr, ...], Field(max_length=1000, strict=False)] = Field(
        default=(), examples=[["10.0.0.0/8"]]
    )
    """Networks of load balancers whose `Forwarded`, `X-Forwarded-*` and `X-Real-IP` fields are believed."""
    refuse_underscore_headers: bool = True
    """Whether header names with `_` are refused: many back ends read `a_b` and `a-b` as one (400)."""
    limits: HttpLimits = HttpLimits()
    """Hard limits on what a client may send."""
    timeouts: Timeouts = Timeouts()
    """Deadlines towards clients."""
    spool: Spool = Spool()
    """The event spool."""
    excerpt: Annotated[Size, Within("0B", "64KiB")] = Size(2048)
    """How much of a masked body is kept, beside header fields, as evidence of an exchange that was refused, failed or
    had a finding; `0B` for neither. Of other exchanges none is kept."""
    seclang_log: ConfigPath | None = Field(default=None, examples=["rules.log"])
    """File that gets one line for each match of a SecLang rule, in the form of ModSecurity's error log."""
    trial: Annotated[Duration, Within("0s", "1h")] = Duration(60_000)
    """How long a new policy is watched: one under which fewer than one in twenty of the usual exchanges pass, and the
    others are refused or fail, is taken back by itself. `0s` for never."""
    shared_limits: SharedLimits | None = None
    """Where several gateways count limits together. Each counts for itself when absent."""
