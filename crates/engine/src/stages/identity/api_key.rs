//! API keys, known by their SHA-256 only.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest;
use stockade_model::plan::{ApiKeyPlan, KeyPlace};
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
}

impl ApiKeys {
    /// Compiles the keys.
    ///
    /// # Errors
    /// A hash that is not 64 hexadecimal digits, an id or hash that comes twice, a bad parameter name.
    pub(crate) fn new(
        method: &str,
        place: KeyPlace,
        parameter: &str,
        plans: &[ApiKeyPlan],
        setting: &str,
    ) -> Result<Self, PlanError> {
        let lower = *parameter == parameter.to_ascii_lowercase();
        let good = match place {
            KeyPlace::Header => is_field_name(parameter) && lower,
            KeyPlace::Cookie => is_field_name(parameter),
            KeyPlace::Query => !parameter.is_empty(),
        };
        if !good {
            let problem = format!("expected the name of a header (lower case), parameter or cookie, got `{parameter}`");
            return Err(PlanError::new(format!("{setting}.parameter"), problem));
        }
        let mut keys = HashMap::with_capacity(plans.len());
        let mut ids = HashSet::new();
        for key in plans {
            let at = || format!("{setting}.keys.{}", key.id);
            let hash = hex(&key.sha256)
                .ok_or_else(|| PlanError::new(at(), "expected `sha256` to have 64 hexadecimal digits"))?;
            if key.id.is_empty() || !ids.insert(key.id.as_str()) {
                return Err(PlanError::new(at(), "expected an id that no other key of this method has"));
            }
            if keys.insert(hash, Known::new(method, key)).is_some() {
                return Err(PlanError::new(at(), "another id already has this `sha256`"));
            }
        }
        Ok(Self { keys })
    }

    /// Who `key` stands for.
    ///
    /// # Errors
    /// A key that is unknown or has expired.
    pub(crate) fn prove(&self, key: &str, now: Now) -> Result<Arc<Identity>, Fault> {
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

impl Known {
    fn new(method: &str, plan: &ApiKeyPlan) -> Self {
        let identity = Identity {
            method: method.to_owned(),
            subject: plan.subject.clone(),
            key: Some(plan.id.clone()),
            roles: plan.roles.clone(),
            scopes: plan.scopes.clone(),
            ..Identity::default()
        };
        Self { identity: Arc::new(identity), expires_at: plan.expires_at }
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
