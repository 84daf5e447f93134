//! API keys, known by their SHA-256 only.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest;
use stockade_model::plan::{ApiKeyPlan, ApiKeysPlan, KeyPlace};
use stockade_model::{Identity, Now, Reason, Timestamp};

use super::Fault;
use crate::PlanError;
use crate::actor::is_field_name;

/// The key is not one of ours.
pub(crate) const UNKNOWN: Reason = Reason {
    code: "identity.unknown_api_key",
    status: 401,
    meaning: "the API key is not known",
    remedy: "add its SHA-256 under `identity.methods`; look for guessing when there are many of these",
    source: "OWASP API2:2023",
};

/// The key has ended.
pub(crate) const EXPIRED: Reason = Reason {
    code: "identity.api_key_expired",
    status: 401,
    meaning: "the API key has expired",
    remedy: "issue a new key, or move its `expires`",
    source: "OWASP API2:2023",
};

/// A key that is known: whom it stands for, and until when.
#[derive(Debug)]
struct Known {
    identity: Arc<Identity>,
    expires_at: Option<Timestamp>,
}

/// The keys of one method.
///
/// A look-up compares hashes of the key, which its sender cannot choose freely, so its timing tells nothing about it.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    keys: HashMap<[u8; 32], Known>,
    prefix: String,
}

impl ApiKeys {
    /// Compiles the keys.
    ///
    /// # Errors
    /// A hash that is not 64 hexadecimal digits, an id or hash that comes twice, a bad parameter name.
    pub(crate) fn new(plan: &ApiKeysPlan, setting: &str) -> Result<Self, PlanError> {
        let parameter = plan.parameter.as_str();
        let lower = *parameter == parameter.to_ascii_lowercase();
        let good = match plan.place {
            KeyPlace::Header => is_field_name(parameter) && lower,
            KeyPlace::Cookie => is_field_name(parameter),
            KeyPlace::Query => !parameter.is_empty(),
        };
        if !good {
            let problem = format!("expected the name of a header (lower case), parameter or cookie, got `{parameter}`");
            return Err(PlanError::new(format!("{setting}.parameter"), problem));
        }
        let mut keys = HashMap::with_capacity(plan.keys.len());
        let mut ids = HashSet::new();
        for key in &plan.keys {
            let at = format!("{setting}.keys.{}", key.id);
            if key.id.is_empty() || !ids.insert(key.id.as_str()) {
                return Err(PlanError::new(at, "expected an id that no other key of this method has"));
            }
            let identity = Arc::new(identity_of(&plan.name, key));
            let mut add = |sha256: &str, expires_at: Option<Timestamp>| {
                let hash = hex(sha256)
                    .ok_or_else(|| PlanError::new(&at, "expected `sha256` to have 64 hexadecimal digits"))?;
                match keys.insert(hash, Known { identity: Arc::clone(&identity), expires_at }) {
                    None => Ok(()),
                    Some(_) => Err(PlanError::new(&at, "another id already has this `sha256`")),
                }
            };
            add(&key.sha256, key.expires_at)?;
            if let Some(previous) = &key.previous {
                let end = key.expires_at.map_or(previous.expires_at, |end| end.min(previous.expires_at));
                add(&previous.sha256, Some(end))?;
            }
        }
        Ok(Self { keys, prefix: plan.prefix.clone() })
    }

    /// Whether `key` begins as all keys of this method do.
    pub(super) fn fits(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
    }

    /// Who `key` stands for.
    ///
    /// # Errors
    /// A key that is unknown or has expired.
    pub(crate) fn prove(&self, key: &str, now: Now) -> Result<Arc<Identity>, Fault> {
        if !self.fits(key) {
            return Err(Fault::new(&UNKNOWN, format!("expected an API key that begins with `{}`", self.prefix)));
        }
        let hash = digest::digest(&digest::SHA256, key.as_bytes());
        let Some(known) = self.keys.get(hash.as_ref()) else {
            return Err(Fault::new(&UNKNOWN, format!("expected a known API key, got one of {} bytes", key.len())));
        };
        if known.expires_at.is_some_and(|end| end <= now.wall) {
            return Err(Fault::new(
                &EXPIRED,
                format!("API key `{}` has expired", known.identity.key.as_deref().unwrap_or_default()),
            ));
        }
        Ok(Arc::clone(&known.identity))
    }
}

fn identity_of(method: &str, plan: &ApiKeyPlan) -> Identity {
    Identity {
        method: method.to_owned(),
        subject: plan.subject.clone(),
        key: Some(plan.id.clone()),
        roles: plan.roles.clone(),
        scopes: plan.scopes.clone(),
        ..Identity::default()
    }
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|digit| digit.to_digit(16)?.try_into().ok()).collect::<Option<_>>()?;
    let mut out = [0; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = pair.split_first()?;
        *byte = high << 4 | low.first()?;
    }
    Some(out)
}
