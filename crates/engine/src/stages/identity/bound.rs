//! Sender-constrained tokens: whoever shows one must prove to be the one it was made for.

use std::sync::Arc;

use stockade_model::plan::BindingPlan;
use stockade_model::{Binding, Identity, Now, Reason, Request};

use super::Fault;
use super::claims::Verified;
use super::dpop::{self, Window};
use super::find::{self, Found};
use crate::State;

/// The token is another caller's.
pub(crate) const BOUND: Reason = Reason {
    code: "identity.token_bound",
    status: 401,
    meaning: "the token is bound to a certificate or a key that the caller did not prove to hold, or to nothing where \
              it has to be",
    remedy: "show the certificate or key that the token was issued for; otherwise the token was stolen",
    source: "RFC 8705 3; RFC 9449 7.1",
};

/// How the tokens of a method may be bound.
#[derive(Debug)]
pub(super) struct Bound {
    required: bool,
    window: Window,
}

impl Bound {
    /// Compiles it; `skew_s` is the clock difference that the method accepts.
    pub(super) fn new(plan: &BindingPlan, skew_s: u32) -> Self {
        let us = |seconds: u32| u64::from(seconds) * 1_000_000;
        Self { required: plan.required, window: Window { age_us: us(plan.proof_s), skew_us: us(skew_s) } }
    }

    /// Who a token stands for, once the caller has proven to hold what it is bound to.
    ///
    /// # Errors
    /// It is bound to something that the caller did not prove to hold.
    pub(super) fn check(
        &self,
        verified: Verified,
        token: &str,
        request: &Request,
        state: &State,
        now: Now,
    ) -> Result<Arc<Identity>, Fault> {
        let Verified { identity, confirmation, .. } = verified;
        let mut bound = None;
        if let Some(wanted) = confirmation.certificate {
            match &request.client.certificate {
                Some(shown) if shown.sha256 == wanted => bound = Some(Binding::Certificate),
                Some(_) => {
                    return Err(Fault::new(&BOUND, "the token is bound to another certificate than the one shown"));
                }
                None => return Err(Fault::new(&BOUND, "the token is bound to a certificate and none was shown")),
            }
        }
        if let Some(wanted) = &confirmation.key {
            // RFC 9449 7.2: as a bearer token it would be good for whoever has it.
            if matches!(find::authorization(request, "bearer"), Found::Once(_)) {
                return Err(Fault::new(&BOUND, "the token is bound to a key and came as a bearer token"));
            }
            dpop::check(request, token, wanted, self.window, &state.replays, now)?;
            bound = Some(Binding::Dpop);
        } else if matches!(find::authorization(request, "dpop"), Found::Once(_)) {
            return Err(Fault::new(&BOUND, "the token came with the DPoP scheme and is bound to no key"));
        }
        match bound {
            None if self.required => Err(Fault::new(&BOUND, "expected a token that is bound to its caller")),
            None => Ok(identity),
            Some(_) => Ok(Arc::new(Identity { bound, ..(*identity).clone() })),
        }
    }
}
