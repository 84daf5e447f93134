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
}
