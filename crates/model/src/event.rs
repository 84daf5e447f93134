//! The record of one finished exchange; refused and broken ones included.
//!
//! Everything in it is masked before it is built. Serialised as one JSON object into the spool.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{Finding, HttpVersion, Identity, Mode, Refusal, Scheme, Stage, Timestamp, TlsFacts, VerdictKind};

/// Version of this record's shape; raised when a field changes its meaning or goes.
pub const EVENT_FORMAT: u32 = 1;

/// One exchange.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Event {
    /// [`EVENT_FORMAT`].
    pub format: u32,
    /// Id of the exchange: 26 characters, as in `x-stockade-id`.
    pub id: String,
    /// When its first byte came, microseconds since the epoch.
    pub time: Timestamp,
    /// Name of the gateway that wrote it.
    pub gateway: String,
    /// Version of the bundle it was judged by.
    pub bundle: u64,
    /// How it ended.
    pub verdict: VerdictKind,
    /// Mode of the API; absent when no API was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// API, by its name in config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Operation id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Strongest proven actor, as `kind:id`, such as `subject:alice` or `address:192.0.2.1`.
    pub actor: String,
    /// The connection it came on.
    pub client: ClientRecord,
    /// The request; of a head that was refused as malformed, what could be read of it, as it came. Absent when that is
    /// nothing, and when the request was lost to a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
    /// What identity proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Why it was refused, would have been, or failed. In monitor mode there may be several, in stage order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<Refusal>,
    /// What detectors saw, below the threshold too; at most 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What each stage that ran noted, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageNote>,
    /// The response, when one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseRecord>,
    /// Where the time went.
    pub timing: Timing,
}

/// Connection facts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClientRecord {
    /// The caller's address.
    pub address: IpAddr,
    /// The TCP peer, when a trusted proxy stands between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The TCP peer's port.
    pub port: u16,
    /// TLS facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFacts>,
}

/// Request facts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RequestRecord {
    /// Method.
    pub method: String,
    /// Scheme.
    pub scheme: Scheme,
    /// Host and port asked for.
    pub authority: String,
    /// Canonical path, masked.
    pub path: String,
    /// Query with sensitive values masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Version.
    pub version: HttpVersion,
    /// Media type of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `User-Agent`, masked, at most 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Bytes of the body that were read.
    pub body_bytes: u64,
}

/// One stage's note: what it saw and decided.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StageNote {
    /// The stage.
    pub stage: Stage,
    /// `pass`, `refuse`, `would_refuse` or `skip`.
    pub outcome: &'static str,
    /// What it saw, for people; masked. Empty unless explanation was asked for, or the stage refused.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The setting or rule that made it so. Empty when there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub setting: String,
}

/// Response facts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ResponseRecord {
    /// Status that the caller got.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub body_bytes: u64,
    /// Media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Upstream target that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Whether all of it was sent.
    pub complete: bool,
}

/// Durations in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Timing {
    /// From the first byte of the request to the last of the response.
    pub total_us: u64,
    /// In the engine.
    pub engine_us: u64,
    /// Waiting for the upstream's head, connecting included.
    pub upstream_us: u64,
}

/// Something the gateway itself has to tell: a bundle refused, records dropped, a target ejected, a stage that failed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Notice {
    /// [`EVENT_FORMAT`].
    pub format: u32,
    /// When, microseconds since the epoch.
    pub time: Timestamp,
    /// Name of the gateway.
    pub gateway: String,
    /// Stable code, such as `bundle.refused`.
    pub code: &'static str,
    /// What happened: expected and got, masked.
    pub detail: String,
}

/// One record of the spool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    /// One exchange.
    Exchange(Event),
    /// News of the gateway.
    Notice(Notice),
}
