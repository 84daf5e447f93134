//! Limits: what is counted, by whom, and what happens above each tier.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OperationSelector;

/// One limit: for each distinct value of `by`, a count for each tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitPlan {
    /// Name in events and in the `RateLimit-Policy` field.
    pub name: String,
    /// Attributes: `actor`, `address`, `network`, `subject`, `client`, `key`, `session`, `token`, `method`, `operation`,
    /// `api`, `header:NAME`, `claim:NAME`, `path:NAME`. A request that lacks one of them is not counted.
    pub by: Vec<String>,
    /// Operations it is about; all when absent.
    pub select: Option<OperationSelector>,
    /// What is counted.
    pub count: LimitCount,
    /// Whether all gateways count together.
    pub shared: LimitShare,
    /// From the gentlest to the last resort; all are asked.
    pub tiers: Vec<LimitTierPlan>,
}

/// What a limit counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "unit", rename_all = "snake_case", deny_unknown_fields)]
pub enum LimitCount {
    /// Requests.
    Requests,
    /// Exchanges that are running, tunnels included; the tiers have no period.
    Concurrency,
    /// Bytes of request bodies; known, and charged, when the exchange has ended.
    BytesIn,
    /// Bytes of response bodies; known, and charged, when the exchange has ended.
    BytesOut,
    /// Different objects touched: one point for each that was not touched within the longest period of the tiers.
    Distinct {
        /// Attributes that together name the object, such as `path:order_id`.
        object: Vec<String>,
    },
    /// Answers with one of these statuses; reserved for each request and given back when it was none.
    Failures {
        /// Statuses that count.
        statuses: Vec<StatusRange>,
    },
    /// Points for what a request asks for.
    Cost {
        /// Points of every request, before what it asks for.
        base: u32,
        /// Where its size stands; the points of all are added.
        points: Vec<CostPlan>,
    },
}

/// Statuses from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRange {
    /// First status.
    pub first: u16,
    /// Last status.
    pub last: u16,
}

/// Where the size of a request stands, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostPlan {
    /// Where to look.
    #[serde(rename = "in")]
    pub place: CostPlace,
    /// Name of the query parameter, or JSON pointer (RFC 6901) into the body; in a form, `/NAME`.
    /// A number counts as itself, a list as its length.
    pub name: String,
    /// Thousandths of a point for each unit of the value.
    pub factor_millis: u32,
    /// Value of a request that has none, or one that is no number.
    pub default: u32,
    /// Largest value; larger ones count as this, and so does a body that is too long to be read.
    pub most: u32,
}

/// Where the size of a request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CostPlace {
    /// In the query.
    Query,
    /// In the body: JSON or a form.
    Body,
    /// What the contract stage found a GraphQL request to cost.
    Graphql,
}

/// Whether all gateways count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitShare {
    /// Each gateway counts for itself.
    Local,
    /// Each gateway counts for itself and tells the shared store a few times a second.
    Approximate,
    /// Every decision is made by the shared store.
    Exact,
}

/// One tier of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitTierPlan {
    /// Units in each period; for concurrency, units at once.
    pub amount: u64,
    /// Period, ms; 0 for concurrency, and for nothing else.
    pub period_ms: u64,
    /// Units that may come at once; 1 or more.
    pub burst: u64,
    /// What happens above it.
    pub action: LimitAction,
    /// Longest wait, ms, when the action is to slow down; 0 otherwise.
    pub delay_ms: u32,
}

/// What happens above a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LimitAction {
    /// Record it only.
    Log,
    /// Let the exchange wait until the rate admits it, at most `delay_ms`.
    SlowDown,
    /// 429.
    Refuse,
}

/// Where gateways count together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedLimitsPlan {
    /// `redis://host:port/database`, `rediss://` with TLS, or `unix:/path`; Redis 5 or newer, or Valkey.
    pub url: String,
    /// User (Redis 6 and newer); the default user when absent.
    pub user: Option<String>,
    /// Password.
    pub password: Option<String>,
    /// PEM file of trusted roots for `rediss`; the public ones when absent.
    pub ca_file: Option<String>,
    /// What every key begins with.
    pub prefix: String,
    /// Longest wait for one decision, ms; then the gateway decides by its share.
    pub timeout_ms: u32,
    /// How often approximate counts are told and read, ms.
    pub sync_ms: u32,
    /// How many gateways share the limits; 0 counts those that were heard of.
    pub gateways: u32,
}
