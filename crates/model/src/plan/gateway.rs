//! The gateway's own part of the plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SharedLimitsPlan;

/// Sockets, TLS, HTTP limits, spool.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayPlan {
    /// Name of this gateway in events.
    pub name: String,
    /// Where clients connect. Changing addresses needs a restart; certificates are reloaded.
    pub listeners: Vec<ListenerPlan>,
    /// Worker threads; 0 means one a core.
    pub workers: u16,
    /// Ranges whose `Forwarded`, `X-Forwarded-*` and `X-Real-IP` are believed.
    pub trusted_proxies: Vec<String>,
    /// Whether header names with `_` are refused (they alias `-` in many back ends).
    pub refuse_underscore_headers: bool,
    /// Whether open challenges of certificate orders are answered (RFC 8555 8.3), from `acme/challenges`.
    #[serde(default)]
    pub answer_acme_challenges: bool,
    /// Hard limits on what a client may send.
    pub limits: HttpLimitsPlan,
    /// Deadlines.
    pub timeouts: TimeoutsPlan,
    /// The event spool.
    pub spool: SpoolPlan,
    /// Bytes of a masked body kept as evidence of an exchange that stood out; 0 for none.
    #[serde(default = "excerpt_bytes")]
    pub excerpt_bytes: u32,
    /// How long a new bundle is watched, ms; one that lets hardly anything pass is taken back. 0 for never.
    pub trial_ms: u32,
    /// File that gets one line for each match of a SecLang rule, in ModSecurity's error-log form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seclang_log: Option<String>,
    /// Where gateways count limits together; absent when each counts for itself.
    pub shared_limits: Option<SharedLimitsPlan>,
}

const fn excerpt_bytes() -> u32 {
    2048
}

/// One listening socket. HTTP/1.1 and HTTP/2 are both served: by ALPN on TLS, by the preface in clear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerPlan {
    /// `address:port`.
    pub address: String,
    /// TLS, when the listener speaks it.
    pub tls: Option<TlsPlan>,
}

/// TLS of one listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsPlan {
    /// Certificates; chosen by server name, the first when none fits.
    pub certificates: Vec<CertificatePlan>,
    /// Oldest version accepted.
    pub min_version: TlsVersion,
    /// Certificates of clients; none are asked for when absent.
    pub client_certificates: Option<ClientCertificatesPlan>,
}

/// Certificates of clients (mutual TLS). Files are read again on each reload and when they change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificatesPlan {
    /// Whether a client without one is turned away in the handshake. One that does not verify always is.
    pub required: bool,
    /// PEM file of the authorities that issue them.
    pub ca_file: String,
    /// PEM files of revocation lists (RFC 5280 5). With any, a certificate whose issuer has none is refused.
    pub crl_files: Vec<String>,
}

/// A TLS protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

/// A certificate chain and its key, both PEM files. Read again on each reload and when the files change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificatePlan {
    /// Chain, leaf first.
    pub certificate_file: String,
    /// Private key: PKCS#8, SEC1 or PKCS#1.
    pub key_file: String,
}

/// Hard limits on what a client may send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpLimitsPlan {
    /// Request line and fields together.
    pub head_bytes: u32,
    /// Request target.
    pub target_bytes: u32,
    /// One field's name and value.
    pub header_bytes: u32,
    /// Number of fields.
    pub header_count: u16,
    /// Trailer section.
    pub trailer_bytes: u32,
    /// All chunk extensions of one body.
    pub chunk_extension_bytes: u32,
    /// Whole body; more is 413.
    pub body_bytes: u64,
    /// Requests on one connection, after which it is closed in order.
    pub requests_per_connection: u32,
    /// Connections at once.
    pub connections: u32,
    /// Connections at once from one address.
    pub connections_per_address: u32,
    /// Streams at once on one HTTP/2 connection.
    pub streams_per_connection: u16,
    /// PING, SETTINGS, PRIORITY, RST_STREAM and empty DATA frames a second on one HTTP/2 connection.
    pub control_frames_per_second: u32,
    /// Largest message of a WebSocket, in either direction.
    pub websocket_message_bytes: u64,
    /// Exchanges that a limit makes wait at once; the next is refused.
    #[serde(default = "most_waiting")]
    pub waiting_exchanges: u32,
}

const fn most_waiting() -> u32 {
    1000
}

/// Deadlines in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeoutsPlan {
    /// From accept to the end of the TLS handshake.
    pub handshake_ms: u32,
    /// From accept, or the first byte of a further request, to the end of its head.
    pub head_ms: u32,
    /// Silence on a connection between two requests.
    pub idle_ms: u32,
    /// From the end of the head to the end of the body, plus the body's length at `body_bytes_per_second`.
    pub body_ms: u32,
    /// Slowest body that is accepted.
    pub body_bytes_per_second: u32,
    /// A client that reads nothing for so long is cut off; an HTTP/2 stream stalled so long is reset.
    pub write_stall_ms: u32,
    /// How long running exchanges may take to end when the gateway stops.
    pub drain_ms: u32,
}

/// The event spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpoolPlan {
    /// Hard cap on all segments together.
    pub max_bytes: u64,
    /// Size at which a segment is sealed.
    pub segment_bytes: u64,
    /// Longest time until a record is on disk.
    pub sync_ms: u32,
    /// What gives way at the cap.
    pub full: SpoolFull,
    /// Whether records are encrypted under the keys in `keys/spool.key`.
    #[serde(default)]
    pub encrypt: bool,
}

/// What gives way when the spool is full; both are counted exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpoolFull {
    /// The oldest sealed segment.
    DropOldest,
    /// The record that does not fit.
    DropNewest,
}
