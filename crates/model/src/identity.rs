//! Who is calling, proven.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Id of the key: the API key's id in config, the token's `kid`, the signature's `keyid`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<String>,
    /// Session, by the token's `sid` (OpenID Connect Front-Channel Logout 1.0, 3).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<String>,
    /// Id of the token: its `jti` (RFC 7519 4.1.7).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<String>,
    /// The first 32 hexadecimal digits of the token's SHA-256, by which it can be revoked.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_hash: Option<String>,
    /// What the token is bound to and the caller proved to hold: `certificate` (RFC 8705) or `dpop` (RFC 9449).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bound: Option<Binding>,
    /// Roles, mapped from the credential.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub roles: Vec<String>,
    /// OAuth scopes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scopes: Vec<String>,
    /// Further claims that config names, for access rules; nothing else of a token is kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub claims: BTreeMap<String, Value>,
}

/// What a sender-constrained token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// The certificate of the TLS connection (RFC 8705 3).
    Certificate,
    /// A key, proven by DPoP (RFC 9449).
    Dpop,
}
