//! Decisions: what control asks every gateway to do to some actor, until a moment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// What is done to the requests a decision selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionAction {
    /// Refuse with 403.
    Block,
    /// Have the caller prove itself: browsers by a page that costs them work, programs by a new credential (401).
    Challenge,
    /// Admit `rate` requests a minute, all that are selected together, and refuse the others with 429.
    Limit,
    /// Let wait for `delay_ms`, then pass.
    SlowDown,
    /// Pass, and note it in the event.
    Watch,
    /// Let pass whatever other decisions say; the stages still run.
    Allow,
}

/// Which requests a decision is about: all attributes named must be equal.
///
/// Keys are actor attributes as in limits: `address`, `subject`, `client`, `key`, `session`, `token`, `method`,
/// `operation`, `api`, `header:NAME`. `address` takes a CIDR range, `token` a `jti` or the token's SHA-256.
pub type Selector = BTreeMap<String, String>;

/// One decision. The core stops enforcing it at `expires_at` whether or not control is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Stable id, chosen by control.
    pub id: String,
    /// Which requests.
    pub selector: Selector,
    /// What to do.
    pub action: DecisionAction,
    /// Why, for people; shown in the event.
    pub reason: String,
    /// When it ends, microseconds since the epoch.
    pub expires_at: Timestamp,
    /// Of `limit`: requests a minute; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// Of `slow_down`: milliseconds, at most 10,000; 2,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u32>,
}
