//! What the identity stage runs for one API.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::OperationSelector;
use crate::{Secret, Timestamp};

/// Who is calling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityPlan {
    /// Methods, tried in order; the first whose credential is present decides.
    pub methods: Vec<IdentityMethodPlan>,
    /// Whether a request without a credential is refused (401). A bad credential is always refused.
    pub required: bool,
    /// Operations that need none: those that one of these selects.
    pub anonymous: Vec<OperationSelector>,
    /// Operations with methods of their own; the first that selects a request counts for it, and for nothing of the
    /// three above.
    #[serde(default)]
    pub routes: Vec<IdentityRoutePlan>,
    /// Cookies that stand for the caller's session; the first that is there is kept, as a hash.
    #[serde(default)]
    pub session_cookies: Vec<String>,
    /// Whether the credential is taken out before the request is forwarded.
    pub strip_credential: bool,
    /// How the upstream is told who is calling; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_on: Option<HandOnPlan>,
}

/// How the upstream is told who is calling. What clients write into these headers themselves is taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandOnPlan {
    /// Headers, lower case, and what each tells: `subject`, `issuer`, `client`, `key`, `session`, `method`, `roles`,
    /// `scopes` or `claim:NAME`.
    pub headers: BTreeMap<String, String>,
    /// A token about all of it, signed by the gateway.
    pub signed: Option<SignedHandOnPlan>,
}

/// The identity as a signed JWT (RFC 7519).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedHandOnPlan {
    /// Header, lower case; in `authorization` it is a bearer token.
    pub header: String,
    /// `EdDSA` or `HS256`.
    pub algorithm: String,
    /// Seed of an Ed25519 key in 64 hexadecimal digits, or the secret as it is.
    pub key: Secret,
    /// `kid`.
    pub key_id: String,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// From `iat` to `exp`, seconds.
    pub lifetime_s: u32,
}

/// Some operations and the methods that prove who calls them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityRoutePlan {
    /// Operations: those that one of these selects.
    pub select: Vec<OperationSelector>,
    /// Names of methods, in the order in which they are tried.
    pub methods: Vec<String>,
    /// Whether a request without a credential passes.
    pub anonymous: bool,
}

/// One way to prove who is calling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum IdentityMethodPlan {
    /// JSON Web Tokens.
    Jwt(JwtPlan),
    /// API keys.
    ApiKey(ApiKeysPlan),
    /// User name and password.
    Basic(BasicPlan),
    /// Opaque tokens.
    Introspection(IntrospectionPlan),
    /// Certificates of clients.
    Certificate(ClientIdentityPlan),
    /// Signed requests.
    Signature(SignaturePlan),
}

impl IdentityMethodPlan {
    /// Name in config and events.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Jwt(plan) => &plan.name,
            Self::ApiKey(plan) => &plan.name,
            Self::Basic(plan) => &plan.name,
            Self::Introspection(plan) => &plan.name,
            Self::Certificate(plan) => &plan.name,
            Self::Signature(plan) => &plan.name,
        }
    }
}

/// JSON Web Tokens (RFC 7519, RFC 8725), as bearer tokens (RFC 6750) or in a cookie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JwtPlan {
    /// Name in config and events.
    pub name: String,
    /// Cookie that carries the token; `Authorization: Bearer` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// JWK Set (RFC 7517).
    pub keys: serde_json::Value,
    /// Where the set comes from, when control fetches it; keys in it that cannot be used are passed over then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<FetchedKeysPlan>,
    /// Algorithms accepted, such as `RS256`; never `none`.
    pub algorithms: Vec<String>,
    /// `iss` must be one of these; empty accepts any.
    pub issuers: Vec<String>,
    /// `aud` must hold one of these; empty accepts any.
    pub audiences: Vec<String>,
    /// Clock difference accepted, seconds.
    pub skew_s: u32,
    /// Claim that holds the roles, as a dotted path.
    pub roles_claim: String,
    /// Claim that holds the scopes, as a dotted path: a list or a space-separated string.
    pub scopes_claim: String,
    /// Claims that must be present.
    pub required_claims: Vec<String>,
    /// Claims that are kept for access rules, as dotted paths.
    #[serde(default)]
    pub claims: Vec<String>,
    /// How tokens may be bound to who shows them.
    #[serde(default)]
    pub binding: BindingPlan,
}

/// A key set that control fetches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchedKeysPlan {
    /// When it has gone unconfirmed for too long: from then on the fail mode of identity decides about its tokens.
    pub until: Timestamp,
    /// How long control may take to look for a key that the set does not have, ms.
    pub wait_ms: u32,
}

/// Opaque tokens, about which the server that issued them is asked (RFC 7662). Control asks; its credential for that
/// server is not part of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntrospectionPlan {
    /// Name in config and events.
    pub name: String,
    /// Cookie that carries the token; `Authorization: Bearer` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// `iss`, when the answer has it, must be one of these; empty accepts any.
    pub issuers: Vec<String>,
    /// `aud` must hold one of these; empty accepts any.
    pub audiences: Vec<String>,
    /// Clock difference accepted, seconds.
    pub skew_s: u32,
    /// Member of the answer that holds the roles, as a dotted path.
    pub roles_claim: String,
    /// Member of the answer that holds the scopes, as a dotted path.
    pub scopes_claim: String,
    /// Members that must be present.
    pub required_claims: Vec<String>,
    /// Members that are kept for access rules, as dotted paths.
    #[serde(default)]
    pub claims: Vec<String>,
    /// How tokens may be bound to who shows them.
    #[serde(default)]
    pub binding: BindingPlan,
    /// How long an answer is taken for true, ms; never longer than the token lives.
    pub remember_ms: u32,
    /// How long the answer may take, ms.
    pub wait_ms: u32,
}

/// API keys in a header, a query parameter or a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeysPlan {
    /// Name in config and events.
    pub name: String,
    /// Where they stand.
    pub place: KeyPlace,
    /// Name of the header (lower case), parameter or cookie.
    pub parameter: String,
    /// What every key begins with; empty when they begin with nothing in common.
    #[serde(default)]
    pub prefix: String,
    /// Whether keys that commands make are among them.
    #[serde(default)]
    pub managed: bool,
    /// Known keys.
    pub keys: Vec<ApiKeyPlan>,
}

/// Where an API key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// Request header.
    Header,
    /// Query parameter.
    Query,
    /// Cookie.
    Cookie,
}

/// One API key, stored as its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyPlan {
    /// Id, for events and revocation.
    pub id: String,
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub sha256: String,
    /// The key before it, which goes on for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousKeyPlan>,
    /// Who it stands for.
    pub subject: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// The key that another one takes the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviousKeyPlan {
    /// SHA-256 of the key, 64 hexadecimal digits.
    pub sha256: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// User names and passwords (RFC 7617).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicPlan {
    /// Name in config and events.
    pub name: String,
    /// Known users.
    pub users: Vec<BasicUserPlan>,
    /// How long a password that was right is taken for right, ms.
    pub remember_ms: u32,
    /// How long a check may take, waiting for its turn included, ms.
    pub wait_ms: u32,
}

/// One user, the password stored as its argon2id hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicUserPlan {
    /// User name.
    pub user: String,
    /// Hash in PHC form: `$argon2id$v=19$m=...,t=...,p=...$SALT$HASH` (RFC 9106).
    pub argon2id: String,
    /// Who the user stands for.
    pub subject: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
}

/// Tokens that only one caller may show (RFC 8705 3, RFC 9449).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingPlan {
    /// Whether tokens that are bound to nothing are refused.
    pub required: bool,
    /// How old a DPoP proof may be, seconds.
    pub proof_s: u32,
}

impl Default for BindingPlan {
    fn default() -> Self {
        Self { required: false, proof_s: 60 }
    }
}

/// Certificates that clients proved to hold in the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientIdentityPlan {
    /// Name in config and events.
    pub name: String,
    /// What of a certificate names its holder.
    pub subject: CertificateName,
    /// Who may call; the first that fits counts. Everybody with a certificate when empty.
    pub callers: Vec<CallersPlan>,
}

/// What of a certificate names its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateName {
    /// The SPIFFE id: the only URI of the subject alternative name (X509-SVID 2).
    Spiffe,
    /// The first DNS name of the subject alternative name.
    Dns,
    /// The subject as text (RFC 4514).
    Subject,
}

/// Some holders of certificates, and what they have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallersPlan {
    /// Globs on names: `*` within a part between two `/`, `**` over parts.
    pub names: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
}

/// Signed requests (RFC 9421).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignaturePlan {
    /// Name in config and events.
    pub name: String,
    /// Known keys.
    pub keys: Vec<SignatureKeyPlan>,
    /// Components that a signature must cover, such as `@method` and `content-type`.
    pub cover: Vec<String>,
    /// Whether the digest of a body must be covered (RFC 9530).
    pub digest: bool,
    /// `tag` that a signature must have; any, or none, when absent.
    pub tag: Option<String>,
    /// How old a signature may be, seconds; none is accepted twice in that time.
    pub window_s: u32,
    /// Clock difference accepted, seconds.
    pub skew_s: u32,
}

/// A key that signs requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureKeyPlan {
    /// The `keyid` of its signatures; for events and revocation too.
    pub id: String,
    /// Algorithm, by its name in RFC 9421 6.2.2.
    pub algorithm: String,
    /// The key as a JWK.
    pub key: Secret,
    /// Who it stands for.
    pub subject: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}
