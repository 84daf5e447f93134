//! What each stage of the engine runs for one API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GraphqlPlan, GrpcPlan};
use crate::Timestamp;

/// What is done with something the contract does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// Refuse it.
    Refuse,
    /// Let it pass.
    Pass,
}

const fn pass() -> Unknown {
    Unknown::Pass
}

/// What is done with responses that are not as the contract says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseCheck {
    /// They are not looked at.
    #[default]
    Ignore,
    /// Each kind of difference is recorded once an hour.
    Report,
    /// 502.
    Refuse,
}

const fn yes() -> bool {
    true
}

/// Contract checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContractPlan {
    /// Requests for operations that are not in it (404, or 405 for a known path).
    pub unknown_operations: Unknown,
    /// Query parameters that are not in it.
    pub unknown_parameters: Unknown,
    /// Fields of a body that are not in it.
    #[serde(default = "pass")]
    pub unknown_fields: Unknown,
    /// What is done with responses that are not as it says.
    #[serde(default)]
    pub responses: ResponseCheck,
    /// Classes of data that a response must not hold where the contract does not declare them: `card`, `iban`, ...
    #[serde(default)]
    pub response_classes: Vec<String>,
    /// Whether `format` is asserted.
    #[serde(default = "yes")]
    pub formats: bool,
    /// GraphQL.
    #[serde(default)]
    pub graphql: Option<Box<GraphqlPlan>>,
    /// gRPC.
    #[serde(default)]
    pub grpc: Option<Box<GrpcPlan>>,
    /// Nesting of a JSON body.
    pub json_depth: u16,
    /// Values in a JSON body.
    pub json_values: u32,
}

/// Attacks in values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectPlan {
    /// Whether the stage runs.
    pub enabled: bool,
    /// Confidence from which a finding refuses, 0.0 to 1.0.
    pub threshold: f32,
    /// Detectors that are switched off.
    pub disabled: Vec<String>,
    /// Whether what parameters normally hold is learned, and adds to what detectors see.
    #[serde(default)]
    pub learn: bool,
    /// Findings that are let pass.
    pub exceptions: Vec<Exception>,
    /// Bytes of a body that are buffered and judged before any of it is forwarded.
    pub body_bytes: u64,
    /// What is done with a body beyond that.
    pub large_bodies: LargeBody,
    /// Largest ratio of a decompressed body to its compressed form.
    pub decompress_ratio: u32,
    /// Largest decompressed body.
    pub decompressed_bytes: u64,
    /// Values looked at in one request; more is refused.
    pub values: u32,
}

/// What is done with a body beyond the inspection limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LargeBody {
    /// 413.
    Refuse,
    /// Judge the first part, then stream all of it.
    Stream,
}

/// A finding that is let pass: all that is named must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// Operation id; any when absent.
    pub operation: Option<String>,
    /// Place, such as `body.note`; any when absent. `[*]` stands for any index.
    pub place: Option<String>,
    /// Detector; any when absent.
    pub detector: Option<String>,
    /// Why.
    pub reason: String,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Checks on responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponsePlan {
    /// Whether text and JSON bodies are searched for leaks (stack traces, SQL errors, keys, files of the system).
    pub leaks: bool,
    /// Whether a leak is refused (502) or only recorded.
    pub refuse: bool,
    /// Bytes of a body that are held back for it.
    pub body_bytes: u64,
    /// Bytes of a longer body or a stream that are searched as they pass; a leak cuts it off.
    #[serde(default)]
    pub stream_bytes: u64,
    /// Fields taken out of every response, lower case, such as `server` and `x-powered-by`.
    pub remove_headers: Vec<String>,
}

/// What a stage that cannot decide does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailMode {
    /// Let the request pass; counted.
    Open,
    /// Refuse it; counted.
    Closed,
}

/// Fail mode by stage, for a stage that panics or runs out of its budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailModesPlan {
    /// Identity stage: a credential that nobody could check. Open lets its caller pass as anonymous.
    #[serde(default = "FailModesPlan::closed")]
    pub identity: FailMode,
    /// Contract stage.
    pub contract: FailMode,
    /// Inspect stage.
    pub inspect: FailMode,
    /// Limit stage.
    pub limit: FailMode,
    /// Response stage.
    pub response: FailMode,
}

impl FailModesPlan {
    const fn closed() -> FailMode {
        FailMode::Closed
    }
}
