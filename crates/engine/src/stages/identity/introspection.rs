//! Opaque tokens, about which the server that issued them is asked (RFC 7662); its answers are remembered for a while.

use aws_lc_rs::digest;
use serde_json::Value;
use stockade_model::plan::IntrospectionPlan;
use stockade_model::{Now, Reason, Secret};

use super::claims::{Expected, Verified};
use super::look_up::{LookUp, LookedUp, Wanted};
use super::{Fault, tokens};
use crate::{PlanError, State};

/// Longest token, bytes.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The token is none, or not good any more.
pub(crate) const INACTIVE: Reason = Reason {
    code: "identity.token_inactive",
    status: 401,
    meaning: "the server that issues tokens does not know this one, or says that it is not good any more",
    remedy: "get a new token; look for guessing when there are many of these",
    source: "RFC 7662 2.2",
};

/// It cannot be a token at all (RFC 6750 2.1).
pub(crate) const ODD: Reason = Reason {
    code: "identity.token_odd",
    status: 401,
    meaning: "the credential cannot be an access token: it is empty, too long or holds characters that none has",
    remedy: "send the token as it was issued; look for tampering when there are many of these",
    source: "RFC 6750 2.1",
};

/// One configured method.
#[derive(Debug)]
pub(crate) struct Introspection {
    api: String,
    expected: Expected,
    remember_us: u64,
    wait_ms: u32,
    /// SHA-256 of the method as configured.
    fingerprint: [u8; 32],
}

impl Introspection {
    /// Compiles the method.
    ///
    /// # Errors
    /// A skew beyond reason.
    pub(crate) fn new(plan: &IntrospectionPlan, api: &str, setting: &str) -> Result<Self, PlanError> {
        if plan.skew_s > 600 {
            let problem = format!("expected at most 600 s, got {} s", plan.skew_s);
            return Err(PlanError::new(format!("{setting}.skew"), problem));
        }
        let text = serde_json::to_vec(plan).map_err(|error| PlanError::new(setting, error.to_string()))?;
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(api.as_bytes());
        hash.update(&[0]);
        hash.update(&text);
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(hash.finish().as_ref());
        Ok(Self {
            api: api.to_owned(),
            expected: Expected {
                method: plan.name.clone(),
                issuers: plan.issuers.clone(),
                audiences: plan.audiences.clone(),
                skew_us: u64::from(plan.skew_s) * 1_000_000,
                roles_claim: plan.roles_claim.clone(),
                scopes_claim: plan.scopes_claim.clone(),
                required_claims: plan.required_claims.clone(),
                kept_claims: plan.claims.clone(),
            },
            remember_us: u64::from(plan.remember_ms).saturating_mul(1000),
            wait_ms: plan.wait_ms,
            fingerprint,
        })
    }

    /// What the server says of the token, from the cache where it was asked before.
    ///
    /// # Errors
    /// Why the token proves nothing, or that nobody answered.
    pub(super) fn prove(
        &self,
        token: &str,
        state: &State,
        now: Now,
        told: Option<Option<LookedUp>>,
    ) -> Result<Result<Verified, LookUp>, Fault> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if token.is_empty() || token.len() > LONGEST_TOKEN || !token.bytes().all(plain) {
            return Err(Fault::new(&ODD, format!("expected 1 to {LONGEST_TOKEN} letters, digits and `-._~+/=`")));
        }
        let key = tokens::key_of(&self.fingerprint, token);
        if let Some(known) = state.tokens.known(&key, now) {
            return Ok(Ok(known));
        }
        match told {
            Some(Some(LookedUp::Token(answer))) => self.read(&answer, token, &key, state, now).map(Ok),
            Some(_) => Err(Fault::unavailable("expected an answer about the token in time, got none")),
            None => {
                if let Some(fault) = state.tokens.refused(&key, now) {
                    return Err(fault);
                }
                let (api, method) = (self.api.clone(), self.expected.method.clone());
                let wanted = Wanted::Token { api, method, token: Secret::new(token) };
                Ok(Err(LookUp { wanted, wait_ms: self.wait_ms }))
            }
        }
    }

    fn read(&self, answer: &Value, token: &str, key: &[u8; 32], state: &State, now: Now) -> Result<Verified, Fault> {
        let claims = answer.as_object().ok_or_else(|| Fault::unavailable("expected an object as the answer"))?;
        // Anything but `true` is no: an answer that cannot be read right must not let anybody in.
        let found = match claims.get("active") {
            Some(Value::Bool(true)) => self.expected.check(claims, None, &tokens::hash_of(token), now),
            _ => Err(Fault::new(&INACTIVE, "expected an active token")),
        };
        match found {
            Ok(mut verified) => {
                verified.until_us = verified.until_us.min(now.wall.0.saturating_add(self.remember_us));
                state.tokens.remember(key, &verified);
                Ok(verified)
            }
            Err(fault) => {
                state.tokens.refuse(key, &fault, self.remember_us, now);
                Err(fault)
            }
        }
    }
}
