//! Sender-constrained tokens: whoever shows one must prove to be the one it was made for.

use std::sync::Arc;

use stockade_model::{Binding, Identity, Reason, Request};

use super::Fault;
use super::claims::Verified;

/// The token is another caller's.
pub(crate) const BOUND: Reason = Reason {
    code: "identity.token_bound",
    status: 401,
    meaning: "the token is bound to a certificate or a key that the caller did not prove to hold",
    remedy: "show the certificate or key that the token was issued for; otherwise the token was stolen",
    source: "RFC 8705 3; RFC 9449 7.1",
};

/// Who the token stands for, once the caller has proven to hold what it is bound to.
///
/// # Errors
/// It is bound to something that the caller did not prove to hold.
pub(crate) fn check(verified: Verified, request: &Request) -> Result<Arc<Identity>, Fault> {
    let Verified { identity, confirmation, .. } = verified;
    if confirmation.key.is_some() {
        return Err(Fault::new(&BOUND, "the token is bound to a key and came without a proof of it"));
    }
    let Some(wanted) = confirmation.certificate else { return Ok(identity) };
    match &request.client.certificate {
        Some(shown) if shown.sha256 == wanted => {
            Ok(Arc::new(Identity { bound: Some(Binding::Certificate), ..(*identity).clone() }))
        }
        Some(_) => Err(Fault::new(&BOUND, "the token is bound to another certificate than the one shown")),
        None => Err(Fault::new(&BOUND, "the token is bound to a certificate and none was shown")),
    }
}
