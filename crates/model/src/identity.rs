//! Who is calling, proven.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the identity stage proved about the caller. Absent fields were not proven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// Name of the configured method that proved it, such as `jwt` or `api_key`.
    pub method: String,
    /// User, service or client that the credential stands for.
    pub subject: String,
    /// Who issued the credential, for tokens.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub issuer: Option<String>,
    /// OAuth client, when the token names one apart from the subject.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client: Option<String>,
    /// Id of the key: the API key's id in config, or the token's `kid`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// Roles, mapped from the credential.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub roles: Vec<String>,
    /// OAuth scopes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scopes: Vec<String>,
}
