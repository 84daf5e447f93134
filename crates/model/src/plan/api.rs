//! One API: where it is, where it goes, what it promises.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AccessPlan, CertificatePlan, ContractPlan, FailModesPlan, IdentityPlan, InspectPlan, LimitPlan, ProtectPlan,
    ResponsePlan, SecLangException, SecLangPlan,
};
use crate::{Mode, PathForm};

/// One API and all that applies to it.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiPlan {
    /// Name in config, events and on screen.
    pub name: String,
    /// Who answers for it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Hosts, lower case: exact, `*.suffix`, or `*`.
    pub hosts: Vec<String>,
    /// Path that all its operations begin with: `/` or `/v1`, canonical, without a trailing `/`.
    pub base_path: String,
    /// Forms of paths that its upstream wants and that are refused otherwise.
    #[serde(default)]
    pub path_forms: Vec<PathForm>,
    /// Enforce or monitor.
    pub mode: Mode,
    /// Where cleared requests go.
    pub upstream: UpstreamPlan,
    /// Operations of the contract; empty when there is none.
    pub operations: Vec<OperationPlan>,
    /// Named schemas: `#/$defs/NAME` in the schemas of operations, and in these. A schema with `$id` or `$defs` of its own
    /// stands alone.
    #[serde(default)]
    pub schemas: serde_json::Map<String, serde_json::Value>,
    /// Contract checks.
    pub contract: ContractPlan,
    /// Who is calling.
    pub identity: IdentityPlan,
    /// Who may do what.
    pub access: AccessPlan,
    /// SecLang rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seclang: Option<Box<SecLangPlan>>,
    /// Their matches that are let pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seclang_exceptions: Vec<SecLangException>,
    /// Attacks in values.
    pub inspect: InspectPlan,
    /// Rates; all that fit a request apply.
    pub limits: Vec<LimitPlan>,
    /// Checks on responses.
    pub response: ResponsePlan,
    /// Fields that are masked, taken out or made into tokens.
    #[serde(default)]
    pub protect: ProtectPlan,
    /// What a stage that cannot decide does.
    pub fail: FailModesPlan,
}

/// One operation: a method on a path template.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationPlan {
    /// Operation id, unique within the API.
    pub id: String,
    /// Method in upper case.
    pub method: String,
    /// Template below the base path, such as `/orders/{order_id}`.
    pub path: String,
    /// Tags of the operation.
    pub tags: Vec<String>,
    /// Whether the contract marks it deprecated.
    pub deprecated: bool,
    /// Parameters, those of the path item included.
    pub parameters: Vec<ParameterPlan>,
    /// Body; `None` means that a body is not part of the contract.
    pub body: Option<BodyPlan>,
    /// Responses; none when the contract tells nothing of them.
    #[serde(default)]
    pub responses: Vec<DeclaredResponsePlan>,
}

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterIn {
    /// In the path template.
    Path,
    /// In the query.
    Query,
    /// A request header.
    Header,
    /// A cookie.
    Cookie,
}

/// How a parameter is serialised (OpenAPI 3.1, 4.8.12.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ParameterStyle {
    /// `color=blue`, the default in query and cookies.
    Form,
    /// `blue,black`, the default in path and headers.
    Simple,
    /// `;color=blue`
    Matrix,
    /// `.blue`
    Label,
    /// `blue%20black`
    SpaceDelimited,
    /// `blue|black`
    PipeDelimited,
    /// `color[R]=100`
    DeepObject,
    /// A JSON text (`content` in place of `schema`).
    Json,
}

/// One parameter.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterPlan {
    /// Name; headers in lower case.
    pub name: String,
    /// Place.
    #[serde(rename = "in")]
    pub place: ParameterIn,
    /// Whether it must be there.
    pub required: bool,
    /// Serialisation.
    pub style: ParameterStyle,
    /// Whether arrays and objects are spread over several parameters.
    pub explode: bool,
    /// JSON Schema (2020-12) of the value; see [`ApiPlan::schemas`].
    pub schema: serde_json::Value,
}

/// The body of an operation.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BodyPlan {
    /// Whether it must be there.
    pub required: bool,
    /// Media types, most specific first.
    pub content: Vec<MediaPlan>,
}

/// One media type of a body.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaPlan {
    /// `type/subtype` in lower case; `type/*` and `*/*` are ranges.
    pub media_type: String,
    /// JSON Schema (2020-12) of the value, when one is promised; see [`ApiPlan::schemas`].
    pub schema: Option<serde_json::Value>,
    /// What is told of the parts of a `multipart` form beside their schema.
    #[serde(default)]
    pub parts: Vec<PartPlan>,
}

/// One part of a `multipart` form, such as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartPlan {
    /// Its name.
    pub name: String,
    /// Media types it may have, in lower case; `type/*` is a range. Any when empty.
    pub media_types: Vec<String>,
    /// Fewest bytes.
    pub min_bytes: u64,
    /// Most bytes; `None` for what the body may have.
    pub max_bytes: Option<u64>,
}

/// One response that an operation may give.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclaredResponsePlan {
    /// `200`, `2XX` or `default`.
    pub status: String,
    /// Media types of its body, most specific first; none when it has no body.
    pub content: Vec<MediaPlan>,
}

/// A choice of operations: all lists that are not empty must fit; within a list, one entry must.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationSelector {
    /// Operation ids.
    pub operations: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Methods in upper case.
    pub methods: Vec<String>,
    /// Globs on the canonical path: `*` within a segment, `**` over segments.
    pub paths: Vec<String>,
}

/// Where cleared requests go, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamPlan {
    /// Targets; one is chosen by least running exchanges of two random ones.
    pub targets: Vec<TargetPlan>,
    /// Protocol spoken to them.
    pub protocol: UpstreamProtocol,
    /// TLS, for `https` targets.
    pub tls: UpstreamTlsPlan,
    /// Whether the client's `Host` is passed on; otherwise the target's.
    pub preserve_host: bool,
    /// Whether the caller's verified certificate is passed on in `Client-Cert` (RFC 9440).
    #[serde(default)]
    pub forward_client_certificate: bool,
    /// Fields set on every request to the upstream.
    pub set_headers: BTreeMap<String, String>,
    /// Time to connect, TLS included, ms.
    pub connect_ms: u32,
    /// Silence while waiting for the head, or within a body, ms. Streams may be silent for ever.
    pub idle_ms: u32,
    /// From sending to the end of the answer, ms; 0 means no such limit. Streams are exempt.
    pub total_ms: u32,
    /// Idle connections kept for each worker and target.
    pub keep_idle: u16,
    /// How often a request that is safe to send again is tried elsewhere after a connection failure.
    pub retries: u8,
    /// Active health checks.
    pub health: Option<HealthPlan>,
    /// Passive ejection.
    pub outlier: OutlierPlan,
}

/// One upstream address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetPlan {
    /// `http://host:port` or `https://host:port`, without a path.
    pub url: String,
}

/// Protocol spoken to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamProtocol {
    /// HTTP/2 where ALPN agrees on it, else HTTP/1.1; in clear HTTP/1.1, but HTTP/2 for gRPC.
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, with prior knowledge in clear.
    Http2,
}

/// TLS towards an upstream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTlsPlan {
    /// PEM file of trusted roots; the public ones when absent.
    pub ca_file: Option<String>,
    /// Name to verify; the target's host when absent.
    pub server_name: Option<String>,
    /// Certificate shown to targets that ask for one.
    pub client_certificate: Option<CertificatePlan>,
}

/// Active health checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthPlan {
    /// Path to GET; 2xx is healthy.
    pub path: String,
    /// Time between checks, ms.
    pub interval_ms: u32,
    /// Time for one check, ms.
    pub timeout_ms: u32,
    /// Good checks until a target is used again.
    pub healthy_after: u8,
    /// Bad checks until a target is left out.
    pub unhealthy_after: u8,
}

/// Passive ejection of a target that keeps failing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutlierPlan {
    /// Connection failures and 502, 503, 504 in a row; 0 turns it off.
    pub consecutive_failures: u8,
    /// How long the target is left out, ms.
    pub eject_ms: u32,
    /// Largest share of targets left out at once, percent; the last one is never left out.
    pub max_ejected_percent: u8,
}
