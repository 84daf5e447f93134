//! The record of one finished exchange; refused and broken ones included.
//!
//! Everything in it is masked before it is built. Serialised as one JSON object into the spool; so it borrows what it
//! can, and lives only until it is written.

use std::borrow::Cow;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::{
    Finding, HttpVersion, Identity, Mode, Refusal, RequestId, Scheme, Stage, Timestamp, TlsFacts, VerdictKind,
};

/// Version of this record's shape; raised when a field changes its meaning or goes.
pub const EVENT_FORMAT: u32 = 1;

/// One exchange.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Event<'a> {
    /// [`EVENT_FORMAT`].
    pub format: u32,
    /// Id of the exchange: 26 characters, as in `x-stockade-id`.
    #[serde(serialize_with = "text_of")]
    #[schemars(with = "String")]
    pub id: RequestId,
    /// When its first byte came, microseconds since the epoch.
    pub time: Timestamp,
    /// Name of the gateway that wrote it.
    pub gateway: Cow<'a, str>,
    /// Version of the bundle it was judged by.
    pub bundle: u64,
    /// How it ended.
    pub verdict: VerdictKind,
    /// Mode of the API; absent when no API was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// API, by its name in config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Cow<'a, str>>,
    /// Operation id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Cow<'a, str>>,
    /// Strongest proven actor, as `kind:id`, such as `subject:alice` or `address:192.0.2.1`.
    pub actor: Cow<'a, str>,
    /// The trace it belongs to, when the caller sent one; else it is that of the exchange's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceRecord>,
    /// The connection it came on.
    pub client: ClientRecord<'a>,
    /// The request; of a head that was refused as malformed, what could be read of it, as it came. Absent when that is
    /// nothing, and when the request was lost to a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord<'a>>,
    /// What identity proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<&'a Identity>,
    /// The session: the token's `sid`, else a hash of the session cookie that config names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Cow<'a, str>>,
    /// Why it was refused, would have been, or failed. In monitor mode there may be several, in stage order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub refusals: &'a [Refusal],
    /// What detectors saw, below the threshold too; at most 32.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub findings: &'a [Finding],
    /// What each stage that ran noted, in order.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub stages: &'a [StageNote],
    /// The response, when one was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<ResponseRecord<'a>>,
    /// Where the time went.
    pub timing: Timing,
}

/// The caller's trace (W3C Trace Context). The gateway's own span is the last 64 bits of the exchange's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TraceRecord {
    /// Id of the trace: 32 hexadecimal digits.
    pub id: String,
    /// Id of the caller's span: 16 hexadecimal digits.
    pub parent: String,
}

/// Connection facts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ClientRecord<'a> {
    /// The caller's address.
    pub address: IpAddr,
    /// The TCP peer, when a trusted proxy stands between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// The TCP peer's port.
    pub port: u16,
    /// TLS facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<&'a TlsFacts>,
}

/// Request facts.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RequestRecord<'a> {
    /// Method.
    pub method: Cow<'a, str>,
    /// Scheme.
    pub scheme: Scheme,
    /// Host and port asked for.
    pub authority: Cow<'a, str>,
    /// Canonical path, masked.
    pub path: Cow<'a, str>,
    /// Query with sensitive values masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<Cow<'a, str>>,
    /// Version.
    pub version: HttpVersion,
    /// Media type of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<Cow<'a, str>>,
    /// `User-Agent`, masked, at most 256 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    /// Bytes of the body that were read.
    pub body_bytes: u64,
    /// Header fields as `name: value`, in their order; only of an exchange that stood out. Values that may be keys are
    /// told by their length alone. At most 64.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub headers: &'a [String],
    /// Fields of the body, without their values; of some exchanges of each operation only. At most 64.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub fields: &'a [FieldRecord],
    /// The body, masked and cut; only of an exchange that stood out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Cow<'a, str>>,
}

/// One field of a body: where it stands and what it holds, never its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldRecord {
    /// Where it stands: `customer.email`, `items[].sku`. `{}` stands for names that are data themselves.
    pub field: String,
    /// `string`, `integer`, `number`, `boolean`, `null`, `object`, `array` or `file`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Form of a text: `uuid`, `date`, `date-time`, `uri`, `email`, `integer`, `number` or `boolean`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// Personal or secret data that was recognised in it, such as `card` or `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'static str>,
}

/// One stage's note: what it saw and decided.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StageNote {
    /// The stage.
    pub stage: Stage,
    /// `pass`, `slow`, `refuse`, `would_slow`, `would_refuse` or `skip`.
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
pub struct ResponseRecord<'a> {
    /// Status that the caller got.
    pub status: u16,
    /// Bytes of the body that were sent.
    pub body_bytes: u64,
    /// Media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<Cow<'a, str>>,
    /// Upstream target that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Cow<'a, str>>,
    /// Whether all of it was sent.
    pub complete: bool,
    /// Fields of the body as it was sent, without their values; of some exchanges of each operation only. At most 64.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub fields: &'a [FieldRecord],
    /// The body as it was sent, masked and cut; only of an exchange that stood out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<Cow<'a, str>>,
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
pub enum Record<'a> {
    /// One exchange.
    Exchange(Event<'a>),
    /// News of the gateway.
    Notice(Notice),
}

fn text_of<S: Serializer>(id: &RequestId, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(std::str::from_utf8(&id.text()).unwrap_or_default())
}
