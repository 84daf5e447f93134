//! What is changed of a cleared request before it goes to the upstream: credentials taken out, the caller told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stockade_model::plan::ApiPlan;
use stockade_model::{Now, Request};

use crate::Record;
use crate::compile::Api;
use crate::fields::take_out;
use crate::stage::Facts;

/// Makes a request ready to be forwarded.
pub(crate) fn prepare(request: &mut Request, api: &Api, plan: &ApiPlan, record: &Record, facts: &Facts, now: Now) {
    if let Some(credential) = facts.credential.as_ref().filter(|_| plan.identity.strip_credential) {
        take_out(request, credential.place, &credential.name);
    }
    if let Some(hand_on) = api.identity.hand_on() {
        hand_on.apply(request, record.identity.as_deref(), record.session.as_deref(), now);
    }
    if plan.upstream.forward_client_certificate {
        pass_certificate(request);
    }
}

/// Tells the upstream the certificate that the caller proved to hold (RFC 9440 2.2). Whatever the caller itself wrote
/// there was taken out when the request was made canonical.
fn pass_certificate(request: &mut Request) {
    if let Some(certificate) = &request.client.certificate {
        let value = format!(":{}:", STANDARD.encode(&certificate.der));
        request.headers.push(b"client-cert", value.as_bytes());
    }
}
