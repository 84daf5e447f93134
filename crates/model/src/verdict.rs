//! What was decided about an exchange, and why.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use crate::Reason;

/// Where in the flow something was decided, in the order of the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Sockets, TLS, HTTP grammar and limits, in the gateway.
    Gateway,
    /// Active decisions: blocks and slow-downs, with an expiry.
    Decisions,
    /// API and operation.
    Route,
    /// Who is calling.
    Identity,
    /// What the API promised: parameters and body.
    Contract,
    /// Who may do what.
    Access,
    /// Attacks in values.
    Inspect,
    /// Rates.
    Limit,
    /// The exchange with the upstream.
    Upstream,
    /// Checks on what the upstream answered.
    Response,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 10] = [
        Self::Gateway,
        Self::Decisions,
        Self::Route,
        Self::Identity,
        Self::Contract,
        Self::Access,
        Self::Inspect,
        Self::Limit,
        Self::Upstream,
        Self::Response,
    ];

    /// The name used in config, events and on screen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Decisions => "decisions",
            Self::Route => "route",
            Self::Identity => "identity",
            Self::Contract => "contract",
            Self::Access => "access",
            Self::Inspect => "inspect",
            Self::Limit => "limit",
            Self::Upstream => "upstream",
            Self::Response => "response",
        }
    }
}

/// Whether an API's refusals are carried out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Refuse what a stage refuses.
    #[default]
    Enforce,
    /// Record what would have been refused; never change a response. Malformed HTTP is refused all the same.
    Monitor,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    /// Passed every stage and was answered by the upstream.
    Allowed,
    /// Refused by a stage.
    Refused,
    /// Passed because the API is in monitor mode; a stage would have refused it.
    WouldRefuse,
    /// Cleared, but no full answer came: upstream failure or the client went away.
    Failed,
}

/// A refusal that explains itself to the operator; the caller sees only the status and the id.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Refusal {
    /// Who refused.
    pub stage: Stage,
    /// Why; serialised as its code.
    #[serde(serialize_with = "code_of")]
    #[schemars(with = "String")]
    pub reason: &'static Reason,
    /// Status for the caller.
    pub status: u16,
    /// The setting or rule that made it so, as a dotted path into the config, such as `apis.shop.identity.required`.
    pub setting: Cow<'static, str>,
    /// What was expected and what came; masked, controls escaped, at most 500 bytes.
    pub detail: String,
    /// How to let this through, when it was right: one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Seconds after which the caller may try again (`Retry-After`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// Challenge for `WWW-Authenticate` (RFC 9110 11.6.1).
    #[serde(skip)]
    pub challenge: Option<String>,
    /// Work that the caller may do to be let through.
    #[serde(skip)]
    pub puzzle: Option<Puzzle>,
}

/// Work that costs its doer more than its asker: a number after which SHA-256 of `prefix:number` begins with `bits` zero
/// bits (Dwork and Naor, 1992; Back's hashcash, 2002).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Puzzle {
    /// Stands for the caller and the time; 32 hexadecimal digits.
    pub prefix: String,
    /// Number of the time span that it is good for, to be shown with the answer.
    pub span: u64,
    /// Zero bits.
    pub bits: u8,
    /// Whether the caller is a browser that shows pages.
    pub page: bool,
}

impl Refusal {
    /// A refusal with the reason's own status and nothing optional.
    #[must_use]
    pub fn new(
        stage: Stage,
        reason: &'static Reason,
        setting: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            stage,
            reason,
            status: reason.status,
            setting: setting.into(),
            detail: detail.into(),
            exception: None,
            retry_after_s: None,
            challenge: None,
            puzzle: None,
        }
    }
}

fn code_of<S: Serializer>(reason: &&'static Reason, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(reason.code)
}
