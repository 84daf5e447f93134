//! Which fields are masked, taken out or made into tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Secret;

/// Fields that are protected on their way out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectPlan {
    /// Rules; for each field the first that fits is taken.
    pub rules: Vec<ProtectRulePlan>,
    /// Bytes of a response that are kept to be changed; a longer one is refused where rules apply.
    pub body_bytes: u64,
    /// Key of the tokens: 64 hexadecimal digits. Needed when a rule makes tokens.
    pub key: Option<Secret>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectRulePlan {
    /// Name in config.
    pub name: String,
    /// Fields: `card` anywhere, `$.card` at the top, `payment.card` or `items[*].card` at one place.
    pub fields: Vec<String>,
    /// Kinds of values, whatever the field: `card`, `iban`, `email`, `jwt`, `key`, `token`.
    pub classes: Vec<String>,
    /// What becomes of the value.
    pub action: ProtectAction,
    /// Characters at the end that a mask leaves in clear, of values of 8 characters or more.
    pub keep_last: u8,
    /// Callers with one of these roles get the value in clear.
    pub unless_roles: Vec<String>,
    /// Whether it applies to events.
    pub in_events: bool,
    /// Whether it applies to responses.
    pub in_responses: bool,
}

/// What becomes of a protected value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtectAction {
    /// `[masked]`, or stars and the last characters.
    Mask,
    /// The field is taken out.
    Remove,
    /// A token of the same shape, from which the key gives the value back.
    Tokenise,
}
