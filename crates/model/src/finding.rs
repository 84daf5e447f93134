//! One observation with evidence.

use schemars::JsonSchema;
use serde::Serialize;

/// What a detector saw, and where.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Finding {
    /// Detector, such as `sql_injection`.
    pub detector: &'static str,
    /// Place in the message, such as `query.q`, `header.user-agent`, `path.2` or `body.items[2].note`.
    pub place: String,
    /// Decoding steps that led to the value, outermost first, such as `["percent", "base64"]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<&'static str>,
    /// 0.0 (nothing) to 1.0 (certain), calibrated per detector.
    pub confidence: f32,
    /// The part of the value that was decisive: masked, at most 200 bytes, controls escaped.
    pub evidence: String,
    /// Why, in a few words for the operator.
    pub note: String,
}
