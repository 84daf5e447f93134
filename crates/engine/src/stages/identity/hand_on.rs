//! Tells the upstream who is calling, in headers that a client cannot forge: what it writes there itself is taken out.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use stockade_model::plan::{HandOnPlan, SignedHandOnPlan};
use stockade_model::{Identity, Now, Request};

use crate::PlanError;
use crate::actor::is_field_name;

/// What a header tells.
#[derive(Debug)]
enum Told {
    Subject,
    Issuer,
    Client,
    Key,
    Session,
    Method,
    Roles,
    Scopes,
    Claim(String),
}

/// How the identity is handed on.
#[derive(Debug)]
pub(crate) struct HandOn {
    headers: Vec<(String, Told)>,
    signed: Option<Signed>,
    /// All headers that it owns.
    names: Arc<[String]>,
}

struct Signed {
    header: String,
    key: SigningKey,
    /// The encoded header of every token.
    head: String,
    issuer: String,
    audience: String,
    lifetime_s: u32,
}

enum SigningKey {
    Ed25519(Ed25519KeyPair),
    Hmac(hmac::Key),
}

impl fmt::Debug for Signed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signed").field("header", &self.header).finish_non_exhaustive()
    }
}

impl HandOn {
    /// Compiles it.
    ///
    /// # Errors
    /// A header that cannot be set, something unknown to tell, a key that does not fit its algorithm.
    pub(crate) fn new(plan: &HandOnPlan, setting: &str) -> Result<Self, PlanError> {
        let mut headers = Vec::with_capacity(plan.headers.len());
        for (name, what) in &plan.headers {
            let at = format!("{setting}.headers.{name}");
            let told = match what.as_str() {
                "subject" => Told::Subject,
                "issuer" => Told::Issuer,
                "client" => Told::Client,
                "key" => Told::Key,
                "session" => Told::Session,
                "method" => Told::Method,
                "roles" => Told::Roles,
                "scopes" => Told::Scopes,
                _ => match what.strip_prefix("claim:").filter(|claim| !claim.is_empty()) {
                    Some(claim) => Told::Claim(claim.to_owned()),
                    None => {
                        return Err(PlanError::new(at, format!("expected something of the identity, got `{what}`")));
                    }
                },
            };
            headers.push((checked(name, &at)?, told));
        }
        let signed = plan.signed.as_ref().map(|plan| Signed::new(plan, &format!("{setting}.signed"))).transpose()?;
        let names: Vec<String> = headers
            .iter()
            .map(|(name, _)| name.clone())
            .chain(signed.iter().map(|signed| signed.header.clone()))
            .collect();
        Ok(Self { headers, signed, names: names.into() })
    }

    /// The headers that nobody else may write, in lower case.
    pub(crate) fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// Takes out what the client wrote, and writes what was proven.
    pub(crate) fn apply(&self, request: &mut Request, identity: Option<&Identity>, session: Option<&str>, now: Now) {
        request.headers.retain(|name, _| !is_one_of(&self.names, name));
        let Some(identity) = identity else { return };
        for (name, told) in &self.headers {
            if let Some(value) = value(told, identity, session) {
                request.headers.push(name.as_bytes(), value.as_bytes());
            }
        }
        if let Some(signed) = &self.signed {
            let token = signed.token(identity, session, &request.id.to_string(), now);
            let value = if signed.header == "authorization" { format!("Bearer {token}") } else { token };
            request.headers.push(signed.header.as_bytes(), value.as_bytes());
        }
    }
}

/// Whether `name` is one of `names`, also to a server that takes `_` for `-`.
pub(crate) fn is_one_of(names: &[String], name: &str) -> bool {
    let same = |ours: &String| {
        ours.len() == name.len()
            && ours.bytes().zip(name.bytes()).all(|(ours, other)| {
                let other = other.to_ascii_lowercase();
                ours == other || (matches!(ours, b'-' | b'_') && matches!(other, b'-' | b'_'))
            })
    };
    names.iter().any(same)
}

fn checked(name: &str, at: &str) -> Result<String, PlanError> {
    let framing = ["host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"];
    let lower = name.bytes().all(|byte| !byte.is_ascii_uppercase());
    if !is_field_name(name) || !lower || framing.contains(&name) {
        return Err(PlanError::new(at, format!("expected the name of a header in lower case, got `{name}`")));
    }
    Ok(name.to_owned())
}

fn value(told: &Told, identity: &Identity, session: Option<&str>) -> Option<String> {
    let one = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(escaped);
    let list = |texts: &[String]| {
        (!texts.is_empty())
            .then(|| texts.iter().map(|text| escaped(text).replace(',', "%2C")).collect::<Vec<_>>().join(","))
    };
    match told {
        Told::Subject => one(Some(&identity.subject)),
        Told::Issuer => one(identity.issuer.as_deref()),
        Told::Client => one(identity.client.as_deref()),
        Told::Key => one(identity.key.as_deref()),
        Told::Session => one(session),
        Told::Method => one(Some(&identity.method)),
        Told::Roles => list(&identity.roles),
        Told::Scopes => list(&identity.scopes),
        Told::Claim(name) => match identity.claims.get(name)? {
            Value::Null => None,
            Value::String(text) => one(Some(text)),
            other => Some(escaped(&other.to_string())),
        },
    }
}

/// `text` with everything but visible ASCII characters percent-encoded, `%` itself too, so that it reads back.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

impl Signed {
    fn new(plan: &SignedHandOnPlan, setting: &str) -> Result<Self, PlanError> {
        let fault = |rest: &str, problem: &str| PlanError::new(format!("{setting}.{rest}"), problem);
        let key = match plan.algorithm.as_str() {
            "EdDSA" => {
                let seed = plan.key.bytes().ok_or_else(|| fault("key", "expected 64 hexadecimal digits"))?;
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
                SigningKey::Ed25519(pair.map_err(|_| fault("key", "expected the seed of an Ed25519 key"))?)
            }
            "HS256" if plan.key.reveal().len() >= 32 => {
                SigningKey::Hmac(hmac::Key::new(hmac::HMAC_SHA256, plan.key.reveal().as_bytes()))
            }
            "HS256" => return Err(fault("key", "expected a secret of at least 32 bytes")),
            other => return Err(fault("algorithm", &format!("expected `EdDSA` or `HS256`, got `{other}`"))),
        };
        if plan.lifetime_s == 0 {
            return Err(fault("lifetime", "expected at least a second"));
        }
        let head = json!({"alg": plan.algorithm, "typ": "JWT", "kid": plan.key_id}).to_string();
        Ok(Self {
            header: checked(&plan.header, &format!("{setting}.header"))?,
            key,
            head: URL_SAFE_NO_PAD.encode(head),
            issuer: plan.issuer.clone(),
            audience: plan.audience.clone(),
            lifetime_s: plan.lifetime_s,
        })
    }

    /// A token about `identity`, for this request alone. The signatures are deterministic, so the engine stays a pure
    /// function.
    fn token(&self, identity: &Identity, session: Option<&str>, id: &str, now: Now) -> String {
        let mut claims: Map<String, Value> = identity.claims.clone().into_iter().collect();
        let mut set = |name: &str, value: Option<Value>| {
            // What the gateway says goes before a claim of the same name.
            match value {
                Some(value) => drop(claims.insert(name.to_owned(), value)),
                None => drop(claims.remove(name)),
            }
        };
        let seconds = now.wall.seconds();
        set("iss", Some(json!(self.issuer)));
        set("aud", Some(json!(self.audience)));
        set("iat", Some(json!(seconds)));
        set("exp", Some(json!(seconds.saturating_add(u64::from(self.lifetime_s)))));
        set("nbf", None);
        set("cnf", None);
        set("jti", Some(json!(id)));
        set("sub", Some(json!(identity.subject)));
        set("method", Some(json!(identity.method)));
        set("sub_iss", identity.issuer.as_ref().map(|issuer| json!(issuer)));
        set("client_id", identity.client.as_ref().map(|client| json!(client)));
        set("key", identity.key.as_ref().map(|key| json!(key)));
        set("sid", session.map(|session| json!(session)));
        set("roles", Some(json!(identity.roles)));
        set("scope", Some(json!(identity.scopes.join(" "))));
        let payload = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        let mut token = format!("{}.{payload}", self.head);
        let signature = match &self.key {
            SigningKey::Ed25519(pair) => URL_SAFE_NO_PAD.encode(pair.sign(token.as_bytes())),
            SigningKey::Hmac(key) => URL_SAFE_NO_PAD.encode(hmac::sign(key, token.as_bytes())),
        };
        token.push('.');
        token.push_str(&signature);
        token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_in_any_spelling_that_a_server_may_take_for_them() {
        let names = ["x-user-id".to_owned()];
        for name in ["x-user-id", "x_user_id", "x-user_id", "X-User-Id"] {
            assert!(is_one_of(&names, name), "{name}");
        }
        for name in ["x-user-ids", "x-user", "xuserid", "x.user.id"] {
            assert!(!is_one_of(&names, name), "{name}");
        }
    }

    #[test]
    fn values_cannot_break_out_of_their_field() {
        assert_eq!(escaped("a\r\nx-admin: 1"), "a%0D%0Ax-admin:%201");
        assert_eq!(escaped("100%"), "100%25");
        assert_eq!(escaped("Zoë"), "Zo%C3%AB");
        let identity = Identity { roles: vec!["a,b".to_owned(), "c".to_owned()], ..Identity::default() };
        assert_eq!(value(&Told::Roles, &identity, None).as_deref(), Some("a%2Cb,c"));
        assert_eq!(value(&Told::Subject, &identity, None), None);
    }
}
