"""The record of one finished exchange, as the gateway writes it to the spool.

The same shape as `crates/model/src/event.rs`, which is the definition; a test compares the two. Everything in it is
masked before it is written. Fields that a newer gateway adds are ignored, so that control can be the older of the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

EVENT_FORMAT = 1
"""Version of the record's shape that this module reads."""


def _strings(value: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(str(item) for item in value.get(name) or ())


@dataclass(frozen=True, slots=True)
class TlsFacts:
    """What the TLS handshake proved."""

    version: str
    """`TLSv1.2` or `TLSv1.3`."""
    server_name: str | None = None
    """Server name that the client asked for, lower case."""
    alpn: str | None = None
    """Protocol agreed by ALPN: `h2` or `http/1.1`."""
    key_exchange: str | None = None
    """Name of the key exchange group, such as `X25519MLKEM768`."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(value["version"], value.get("server_name"), value.get("alpn"), value.get("key_exchange"))


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """The caller's trace (W3C Trace Context). The gateway's own span is the last 64 bits of the exchange's id."""

    id: str
    """Id of the trace: 32 hexadecimal digits."""
    parent: str
    """Id of the caller's span: 16 hexadecimal digits."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(value["id"], value["parent"])


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """Facts of the connection."""

    address: str
    """The caller's address."""
    port: int
    """Port of the TCP peer."""
    peer: str | None = None
    """The TCP peer, when a trusted proxy stands between."""
    tls: TlsFacts | None = None
    """TLS facts."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        tls = value.get("tls")
        return cls(value["address"], value["port"], value.get("peer"), TlsFacts.from_json(tls) if tls else None)


@dataclass(frozen=True, slots=True)
class FieldRecord:
    """One field of a body: where it stands and what it holds, never its value."""

    field: str
    """Where it stands: `customer.email`, `items[].sku`. `{}` stands for names that are data themselves."""
    type: str
    """`string`, `integer`, `number`, `boolean`, `null`, `object`, `array` or `file`."""
    format: str | None = None
    """Form of a text: `uuid`, `date`, `date-time`, `uri`, `email`, `integer`, `number` or `boolean`."""
    data: str | None = None
    """Personal or secret data that was recognised in it, such as `card` or `email`."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(value["field"], value["type"], value.get("format"), value.get("data"))


def _fields(value: Mapping[str, Any]) -> tuple[FieldRecord, ...]:
    return tuple(FieldRecord.from_json(item) for item in value.get("fields") or ())


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Facts of the request."""

    method: str
    """Method as received."""
    scheme: str
    """`http` or `https`."""
    authority: str
    """Host and port asked for."""
    path: str
    """Canonical path, masked."""
    version: str
    """HTTP version on the client's side."""
    body_bytes: int
    """Bytes of the body that were read."""
    query: str | None = None
    """Query with sensitive values masked."""
    content_type: str | None = None
    """Media type of the body."""
    user_agent: str | None = None
    """`User-Agent`, masked, at most 256 bytes."""
    headers: tuple[str, ...] = ()
    """Header fields as `name: value`, in their order; only of an exchange that stood out. Values that may be keys are
    told by their length alone."""
    fields: tuple[FieldRecord, ...] = ()
    """Fields of the body, without their values; of some exchanges of each operation only. At most 64."""
    excerpt: str | None = None
    """The body, masked and cut; only of an exchange that stood out."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            method=value["method"],
            scheme=value["scheme"],
            authority=value["authority"],
            path=value["path"],
            version=value["version"],
            body_bytes=value["body_bytes"],
            query=value.get("query"),
            content_type=value.get("content_type"),
            user_agent=value.get("user_agent"),
            headers=_strings(value, "headers"),
            fields=_fields(value),
            excerpt=value.get("excerpt"),
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """What the identity stage proved about the caller; absent fields were not proven."""

    method: str
    """Name of the configured method that proved it."""
    subject: str
    """User, service or client that the credential stands for."""
    issuer: str | None = None
    """Who issued the token."""
    client: str | None = None
    """OAuth client, when the token names one apart from the subject."""
    key: str | None = None
    """Id of the key: the API key's id in config, the token's `kid`, the signature's `keyid`."""
    session: str | None = None
    """Session, by the token's `sid`."""
    token: str | None = None
    """Id of the token: its `jti`."""
    token_hash: str | None = None
    """The first 32 hexadecimal digits of the token's SHA-256, by which it can be revoked."""
    bound: str | None = None
    """What the token is bound to and the caller proved to hold: `certificate` or `dpop`."""
    roles: tuple[str, ...] = ()
    """Roles."""
    scopes: tuple[str, ...] = ()
    """OAuth scopes."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Further claims that config names."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            method=value["method"],
            subject=value["subject"],
            issuer=value.get("issuer"),
            client=value.get("client"),
            key=value.get("key"),
            session=value.get("session"),
            token=value.get("token"),
            token_hash=value.get("token_hash"),
            bound=value.get("bound"),
            roles=_strings(value, "roles"),
            scopes=_strings(value, "scopes"),
            claims=dict(value.get("claims") or {}),
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an exchange was refused, would have been refused, or failed."""

    stage: str
    """Who refused."""
    reason: str
    """Stable code, such as `access.denied`; the reference page of reasons explains each."""
    status: int
    """Status for the caller."""
    setting: str
    """The setting or rule that made it so, as a dotted path into the config."""
    detail: str
    """What was expected and what came; masked."""
    exception: str | None = None
    """How to let this through, when it was right."""
    retry_after_s: int | None = None
    """Seconds after which the caller may try again."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            stage=value["stage"],
            reason=value["reason"],
            status=value["status"],
            setting=value["setting"],
            detail=value["detail"],
            exception=value.get("exception"),
            retry_after_s=value.get("retry_after_s"),
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What a detector saw, and where."""

    detector: str
    """Detector, such as `sql_injection`."""
    place: str
    """Place in the message, such as `query.q` or `body.items[2].note`."""
    confidence: float
    """0.0 (nothing) to 1.0 (certain)."""
    evidence: str
    """The decisive part of the value: masked, at most 200 bytes."""
    note: str
    """Why, in a few words."""
    steps: tuple[str, ...] = ()
    """Decoding steps that led to the value, outermost first."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            detector=value["detector"],
            place=value["place"],
            confidence=float(value["confidence"]),
            evidence=value["evidence"],
            note=value["note"],
            steps=_strings(value, "steps"),
        )


@dataclass(frozen=True, slots=True)
class StageNote:
    """What one stage saw and decided."""

    stage: str
    """The stage."""
    outcome: str
    """`pass`, `refuse`, `would_refuse` or `skip`."""
    detail: str = ""
    """What it saw; empty unless explanation was asked for or the stage refused."""
    setting: str = ""
    """The setting or rule that made it so; empty when there is none."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(value["stage"], value["outcome"], value.get("detail", ""), value.get("setting", ""))


@dataclass(frozen=True, slots=True)
class ResponseRecord:
    """Facts of the response."""

    status: int
    """Status that the caller got."""
    body_bytes: int
    """Bytes of the body that were sent."""
    complete: bool
    """Whether all of it was sent."""
    content_type: str | None = None
    """Media type."""
    upstream: str | None = None
    """Upstream target that answered."""
    fields: tuple[FieldRecord, ...] = ()
    """Fields of the body as it was sent, without their values; of some exchanges of each operation only."""
    excerpt: str | None = None
    """The body as it was sent, masked and cut; only of an exchange that stood out."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            status=value["status"],
            body_bytes=value["body_bytes"],
            complete=value["complete"],
            content_type=value.get("content_type"),
            upstream=value.get("upstream"),
            fields=_fields(value),
            excerpt=value.get("excerpt"),
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in microseconds."""

    total_us: int
    """From the first byte of the request to the last of the response."""
    engine_us: int
    """In the engine."""
    upstream_us: int
    """Waiting for the upstream's head, connecting included."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(value["total_us"], value["engine_us"], value["upstream_us"])


@dataclass(frozen=True, slots=True)
class Event:
    """One exchange; refused and broken ones included."""

    format: int
    """`EVENT_FORMAT` of the gateway that wrote it."""
    id: str
    """Id of the exchange: 26 characters, as in `x-stockade-id`."""
    time: int
    """When its first byte came, microseconds since the epoch."""
    gateway: str
    """Name of the gateway that wrote it."""
    bundle: int
    """Version of the bundle it was judged by."""
    verdict: str
    """`allowed`, `refused`, `would_refuse` or `failed`."""
    actor: str
    """Strongest proven actor, as `kind:id`, such as `subject:alice`."""
    client: ClientRecord
    """The connection it came on."""
    timing: Timing
    """Where the time went."""
    mode: str | None = None
    """`enforce` or `monitor`; None when no API was found."""
    api: str | None = None
    """API, by its name in config."""
    operation: str | None = None
    """Operation id."""
    trace: TraceRecord | None = None
    """The trace it belongs to, when the caller sent one; else it is that of the exchange's own id."""
    request: RequestRecord | None = None
    """The request; of a malformed head, what could be read of it. None when that is nothing, or a fault lost it."""
    identity: Identity | None = None
    """What identity proved."""
    session: str | None = None
    """The session: the token's `sid`, else a hash of the session cookie that config names."""
    refusals: tuple[Refusal, ...] = ()
    """Why it was refused, would have been, or failed; in stage order."""
    findings: tuple[Finding, ...] = ()
    """What detectors saw, below the threshold too; at most 32."""
    stages: tuple[StageNote, ...] = ()
    """What each stage that ran noted, in order."""
    response: ResponseRecord | None = None
    """The response, when one was sent."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form.

        Raises:
            KeyError: a field that every event has is missing.
        """
        request, identity, response = value.get("request"), value.get("identity"), value.get("response")
        return cls(
            format=value["format"],
            id=value["id"],
            time=value["time"],
            gateway=value["gateway"],
            bundle=value["bundle"],
            verdict=value["verdict"],
            actor=value["actor"],
            client=ClientRecord.from_json(value["client"]),
            timing=Timing.from_json(value["timing"]),
            mode=value.get("mode"),
            api=value.get("api"),
            operation=value.get("operation"),
            trace=TraceRecord.from_json(value["trace"]) if value.get("trace") else None,
            request=RequestRecord.from_json(request) if request else None,
            identity=Identity.from_json(identity) if identity else None,
            session=value.get("session"),
            refusals=tuple(Refusal.from_json(item) for item in value.get("refusals") or ()),
            findings=tuple(Finding.from_json(item) for item in value.get("findings") or ()),
            stages=tuple(StageNote.from_json(item) for item in value.get("stages") or ()),
            response=ResponseRecord.from_json(response) if response else None,
        )


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the gateway itself has to tell: a bundle refused, records dropped, a target ejected."""

    format: int
    """`EVENT_FORMAT` of the gateway that wrote it."""
    time: int
    """When, microseconds since the epoch."""
    gateway: str
    """Name of the gateway."""
    code: str
    """Stable code, such as `bundle.refused`."""
    detail: str
    """What happened: expected and got, masked."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(value["format"], value["time"], value["gateway"], value["code"], value["detail"])


Record = Event | Notice
"""One record of the spool."""


def record_from_json(value: Mapping[str, Any]) -> Record:
    """Read one record of the spool by its `kind`.

    Args:
        value: the JSON object, `{"kind": "exchange" | "notice", ...}`.

    Raises:
        KeyError: a field that every such record has is missing.
        ValueError: the kind is not known.
    """
    match value["kind"]:
        case "exchange":
            return Event.from_json(value)
        case "notice":
            return Notice.from_json(value)
        case kind:
            raise ValueError(f"expected a record of kind `exchange` or `notice`, got `{kind}`")
