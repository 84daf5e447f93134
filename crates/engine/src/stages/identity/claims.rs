//! Claims of a verified token: whether they hold now, and who they name.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;
use serde_json::{Map, Value};
use stockade_model::{Identity, Now, Reason};

use super::Fault;

/// `exp` has passed.
pub(crate) const EXPIRED: Reason = Reason {
    code: "identity.token_expired",
    status: 401,
    meaning: "the token has expired",
    remedy: "get a new token; raise `skew` when clocks differ",
    source: "RFC 7519 4.1.4",
};

/// `nbf` or `iat` lies ahead.
pub(crate) const NOT_YET: Reason = Reason {
    code: "identity.token_not_yet_valid",
    status: 401,
    meaning: "the token is dated in the future",
    remedy: "check the clocks of issuer and gateway; raise `skew` when they differ",
    source: "RFC 7519 4.1.5, 4.1.6",
};

/// Another claim is missing or wrong.
pub(crate) const CLAIM: Reason = Reason {
    code: "identity.token_claim",
    status: 401,
    meaning: "a claim of the token is missing or not the one expected",
    remedy: "check issuer, audience and required claims of the method against what the issuer writes",
    source: "RFC 7519 4.1; RFC 8725 3.8, 3.9",
};

/// Hashes in `cnf`: RFC 8705 3.1 itself writes one with bits behind its last byte.
const HASH: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD.with_decode_allow_trailing_bits(true));

/// Most roles or scopes taken from one token.
const MOST: usize = 256;

/// What the claims must be, and where names stand in them.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) method: String,
    pub(crate) issuers: Vec<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) skew_us: u64,
    pub(crate) roles_claim: String,
    pub(crate) scopes_claim: String,
    pub(crate) required_claims: Vec<String>,
    /// Claims kept for access rules, as dotted paths.
    pub(crate) kept_claims: Vec<String>,
}

/// Who a verified token names, and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Verified {
    /// The caller.
    pub(crate) identity: Arc<Identity>,
    /// What whoever shows the token must hold.
    pub(crate) confirmation: Confirmation,
    /// `exp` with the skew added, microseconds since the epoch.
    pub(crate) until_us: u64,
    /// Later of `nbf` and `iat`, with the skew taken off.
    pub(crate) from_us: u64,
}

/// The `cnf` claim (RFC 7800 3.1): who may show the token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// `x5t#S256`: SHA-256 of the caller's certificate (RFC 8705 3.1).
    pub(crate) certificate: Option<[u8; 32]>,
    /// `jkt`: thumbprint of the caller's key (RFC 9449 6.1).
    pub(crate) key: Option<[u8; 32]>,
}

impl Verified {
    /// Whether it holds at `now`.
    pub(crate) const fn holds(&self, now: Now) -> bool {
        self.from_us <= now.wall.0 && now.wall.0 < self.until_us
    }
}

impl Expected {
    /// Checks the claims of a token whose signature is right.
    ///
    /// # Errors
    /// The first claim that is missing or wrong.
    pub(crate) fn check(
        &self,
        claims: &Map<String, Value>,
        key: Option<&str>,
        token_hash: &str,
        now: Now,
    ) -> Result<Verified, Fault> {
        for name in &self.required_claims {
            if find(claims, name).is_none_or(Value::is_null) {
                return Err(Fault::new(&CLAIM, format!("expected claim `{name}`, got none")));
            }
        }
        let (from_us, until_us) = self.period(claims, now)?;
        let issuer = text(claims, "iss")?;
        one_of("iss", &self.issuers, issuer.as_slice())?;
        one_of("aud", &self.audiences, &strings(claims.get("aud"), "aud")?)?;
        let client = match text(claims, "client_id")? {
            Some(client) => Some(client),
            None => text(claims, "azp")?,
        };
        let subject = text(claims, "sub")?.or(client).unwrap_or_default();
        Ok(Verified {
            identity: Arc::new(Identity {
                method: self.method.clone(),
                subject: subject.to_owned(),
                issuer: issuer.map(str::to_owned),
                client: client.map(str::to_owned),
                key: key.map(str::to_owned),
                session: text(claims, "sid")?.map(str::to_owned),
                token: text(claims, "jti")?.map(str::to_owned),
                token_hash: Some(token_hash.to_owned()),
                bound: None,
                roles: names(find(claims, &self.roles_claim), false),
                scopes: names(find(claims, &self.scopes_claim), true),
                claims: self.kept(claims),
            }),
            confirmation: confirmation(claims)?,
            until_us,
            from_us,
        })
    }

    fn kept(&self, claims: &Map<String, Value>) -> BTreeMap<String, Value> {
        let found = |name: &String| Some((name.clone(), find(claims, name)?.clone()));
        self.kept_claims.iter().filter_map(found).collect()
    }

    fn period(&self, claims: &Map<String, Value>, now: Now) -> Result<(u64, u64), Fault> {
        let until_us = match moment(claims, "exp")? {
            Some(end) => end.saturating_add(self.skew_us),
            None => u64::MAX,
        };
        if now.wall.0 >= until_us {
            let late = now.wall.0.saturating_sub(until_us) / 1_000_000;
            return Err(Fault::new(&EXPIRED, format!("expected `exp` in the future, it passed {late} s ago")));
        }
        let mut from_us = 0;
        for name in ["nbf", "iat"] {
            let start = moment(claims, name)?.unwrap_or_default().saturating_sub(self.skew_us);
            if now.wall.0 < start {
                let early = (start - now.wall.0) / 1_000_000;
                return Err(Fault::new(&NOT_YET, format!("expected `{name}` in the past, it comes in {early} s")));
            }
            from_us = from_us.max(start);
        }
        Ok((from_us, until_us))
    }
}

/// A `NumericDate` (RFC 7519 2) in microseconds since the epoch; times before it count as the epoch.
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value
        .as_f64()
        .filter(|seconds| seconds.is_finite())
        .ok_or_else(|| Fault::new(&CLAIM, format!("expected claim `{name}` to be a number of seconds")))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range of the type")]
    Ok(Some((seconds * 1_000_000.0).clamp(0.0, 9.0e18) as u64))
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Fault> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Fault::new(&CLAIM, format!("expected claim `{name}` to be a string"))),
    }
}

/// The `cnf` claim. A kind of proof that is not known here is refused: who shows the token must prove something.
fn confirmation(claims: &Map<String, Value>) -> Result<Confirmation, Fault> {
    let fault = |problem: &str| Fault::new(&CLAIM, format!("expected claim `cnf` {problem}"));
    let members = match claims.get("cnf") {
        None => return Ok(Confirmation::default()),
        Some(Value::Object(members)) => members,
        Some(_) => return Err(fault("to be an object")),
    };
    let mut found = Confirmation::default();
    for (name, value) in members {
        let place = match name.as_str() {
            "x5t#S256" => &mut found.certificate,
            "jkt" => &mut found.key,
            _ => return Err(fault("to name a certificate (`x5t#S256`) or a key (`jkt`)")),
        };
        let hash = value.as_str().and_then(|text| HASH.decode(text).ok());
        *place = hash.and_then(|hash| hash.try_into().ok());
        if place.is_none() {
            return Err(fault("to hold a SHA-256 in base64url"));
        }
    }
    Ok(found)
}

/// A string or a list of strings.
fn strings<'a>(value: Option<&'a Value>, name: &str) -> Result<Vec<&'a str>, Fault> {
    let fault = || Fault::new(&CLAIM, format!("expected claim `{name}` to be a string or a list of strings"));
    match value {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(vec![text]),
        Some(Value::Array(list)) => list.iter().map(|entry| entry.as_str().ok_or_else(fault)).collect(),
        Some(_) => Err(fault()),
    }
}

fn one_of(name: &str, accepted: &[String], got: &[&str]) -> Result<(), Fault> {
    if accepted.is_empty() || got.iter().any(|value| accepted.iter().any(|accepted| accepted == value)) {
        return Ok(());
    }
    let got = if got.is_empty() { "none".to_owned() } else { format!("`{}`", got.join("`, `")) };
    Err(Fault::new(&CLAIM, format!("expected claim `{name}` to be one of `{}`, got {got}", accepted.join("`, `"))))
}

/// Follows a dotted path. At each step the whole rest is tried as one name first, since names may hold dots.
fn find<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    path.match_indices('.').take(8).find_map(|(dot, _)| {
        let (head, tail) = (path.get(..dot)?, path.get(dot + 1..)?);
        find(claims.get(head)?.as_object()?, tail)
    })
}

fn names(value: Option<&Value>, split: bool) -> Vec<String> {
    let list: Vec<&str> = match value {
        Some(Value::String(text)) if split => text.split(' ').collect(),
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    list.into_iter().filter(|name| !name.is_empty()).take(MOST).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_paths_reach_nested_claims_and_names_with_dots() {
        let claims = serde_json::json!({
            "realm_access": {"roles": ["a"]},
            "https://id.example/roles": ["b"],
            "x": {"y.z": ["c"]}
        });
        let claims = claims.as_object().unwrap();
        assert_eq!(names(find(claims, "realm_access.roles"), false), ["a"]);
        assert_eq!(names(find(claims, "https://id.example/roles"), false), ["b"]);
        assert_eq!(names(find(claims, "x.y.z"), false), ["c"]);
        assert!(find(claims, "realm_access.roles.0").is_none());
        assert_eq!(names(Some(&serde_json::json!("read write")), true), ["read", "write"]);
        assert_eq!(names(Some(&serde_json::json!("Store Admin")), false), ["Store Admin"]);
    }
}
