//! One configured method: where its credential stands, and how it is proven.

use std::sync::Arc;

use stockade_model::plan::{IdentityMethodPlan, KeyPlace};
use stockade_model::{Identity, Request};

use super::Fault;
use super::api_key::ApiKeys;
use super::basic::Basic;
use super::bound::Bound;
use super::certificate::Certificates;
use super::find::{self, Found};
use super::introspection::Introspection;
use super::jwt::Jwt;
use super::look_up::{LookUp, LookedUp};
use super::signature::Signatures;
use crate::stage::{Credential, Exchange};
use crate::{PlanError, State};

/// A method.
#[derive(Debug)]
pub(super) struct Method {
    /// Name in config and events.
    pub(super) name: String,
    /// Where its credential stands, when it can be taken out.
    pub(super) place: Option<Credential>,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Jwt(Jwt, Bound),
    Introspection(Introspection, Bound),
    ApiKey(ApiKeys),
    Basic(Basic),
    Certificate(Certificates),
    Signature(Signatures),
}

/// What came of a credential.
pub(super) enum Proved {
    /// Who is calling.
    Caller(Arc<Identity>),
    /// Who is calling, if the body has the digest that was signed.
    WithDigest(Arc<Identity>),
    /// It cannot be said before this is known.
    Asks(LookUp),
}

impl Method {
    /// Compiles a method.
    ///
    /// # Errors
    /// What of it cannot be used.
    pub(super) fn new(plan: &IdentityMethodPlan, api: &str, setting: &str) -> Result<Self, PlanError> {
        let setting = format!("{setting}.methods.{}", plan.name());
        let header = || Some(Credential { place: KeyPlace::Header, name: "authorization".to_owned() });
        let cookie = |name: &String| Some(Credential { place: KeyPlace::Cookie, name: name.clone() });
        let (place, proof) = match plan {
            IdentityMethodPlan::Jwt(jwt) => {
                let proof = Proof::Jwt(Jwt::new(jwt, api, &setting)?, Bound::new(&jwt.binding, jwt.skew_s));
                (jwt.cookie.as_ref().map_or_else(header, cookie), proof)
            }
            IdentityMethodPlan::Introspection(plan) => {
                let bound = Bound::new(&plan.binding, plan.skew_s);
                let proof = Proof::Introspection(Introspection::new(plan, api, &setting)?, bound);
                (plan.cookie.as_ref().map_or_else(header, cookie), proof)
            }
            IdentityMethodPlan::ApiKey(keys) => {
                let place = Credential { place: keys.place, name: keys.parameter.clone() };
                (Some(place), Proof::ApiKey(ApiKeys::new(keys, &setting)?))
            }
            IdentityMethodPlan::Basic(basic) => (header(), Proof::Basic(Basic::new(basic, &setting)?)),
            IdentityMethodPlan::Certificate(plan) => (None, Proof::Certificate(Certificates::new(plan, &setting)?)),
            IdentityMethodPlan::Signature(plan) => (None, Proof::Signature(Signatures::new(plan, &setting)?)),
        };
        Ok(Self { name: plan.name().to_owned(), place, proof })
    }

    /// What it asks for, for people.
    pub(super) fn wish(&self) -> String {
        let place = self.place.as_ref();
        let name = place.map_or("", |place| place.name.as_str());
        match (&self.proof, place.map(|place| place.place)) {
            (Proof::Jwt(..) | Proof::Introspection(..), Some(KeyPlace::Cookie)) => {
                format!("a token in cookie `{name}`")
            }
            (Proof::Jwt(..) | Proof::Introspection(..), _) => "a bearer token".to_owned(),
            (Proof::Basic(_), _) => "a user name and password".to_owned(),
            (Proof::Certificate(_), _) => "a client certificate".to_owned(),
            (Proof::Signature(_), _) => "a signature in `signature-input` and `signature`".to_owned(),
            (Proof::ApiKey(_), Some(KeyPlace::Query)) => format!("an API key in query parameter `{name}`"),
            (Proof::ApiKey(_), Some(KeyPlace::Cookie)) => format!("an API key in cookie `{name}`"),
            (Proof::ApiKey(_), _) => format!("an API key in header `{name}`"),
        }
    }

    /// Its challenge (RFC 9110 11.6.1), when there is one; `error` is the code for a token that was refused (RFC 6750
    /// 3.1).
    pub(super) fn challenge(&self, realm: &str, error: Option<&str>) -> Option<String> {
        match (&self.proof, error) {
            (Proof::Jwt(..) | Proof::Introspection(..), Some(error)) => {
                Some(format!("Bearer realm=\"{realm}\", error=\"{error}\""))
            }
            (Proof::Jwt(..) | Proof::Introspection(..), None) => Some(format!("Bearer realm=\"{realm}\"")),
            (Proof::ApiKey(_), _) => Some(format!("ApiKey realm=\"{realm}\"")),
            (Proof::Basic(_), _) => Some(format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")),
            (Proof::Signature(_), _) => Some(format!("Signature realm=\"{realm}\"")),
            // The handshake asks for it.
            (Proof::Certificate(_), _) => None,
        }
    }

    /// Its credential in a request.
    pub(super) fn find<'a>(&self, request: &'a Request) -> Found<'a> {
        match (&self.proof, &self.place) {
            (Proof::Certificate(certificates), _) => certificates.find(request),
            (Proof::Signature(signatures), _) => signatures.find(request),
            (Proof::Basic(_), _) => find::authorization(request, "basic"),
            (Proof::Jwt(..) | Proof::Introspection(..), Some(Credential { place: KeyPlace::Header, .. })) => {
                match find::authorization(request, "bearer") {
                    Found::Absent => find::authorization(request, "dpop"),
                    found => found,
                }
            }
            (_, Some(Credential { place, name })) => find::value(request, *place, name),
            (_, None) => Found::Absent,
        }
    }

    /// Whether a credential has the form of this method's, so that it need not be left to another one.
    pub(super) fn fits(&self, credential: &str) -> bool {
        match &self.proof {
            Proof::Jwt(jwt, _) => jwt.fits(credential),
            Proof::ApiKey(keys) => keys.fits(credential),
            Proof::Basic(_) | Proof::Introspection(..) | Proof::Certificate(_) | Proof::Signature(_) => true,
        }
    }

    /// Who shows a credential. `told` is the answer to what was asked before; its inner `None` stands for no answer.
    ///
    /// # Errors
    /// Why the credential proves nothing.
    pub(super) fn prove(
        &self,
        credential: &str,
        exchange: &Exchange<'_>,
        state: &State,
        told: Option<Option<LookedUp>>,
    ) -> Result<Proved, Fault> {
        let (request, now) = (exchange.request, exchange.now);
        match &self.proof {
            Proof::Jwt(jwt, bound) => match jwt.prove(credential, state, now, told)? {
                Ok(verified) => bound.check(verified, credential, request, state, now).map(Proved::Caller),
                Err(look_up) => Ok(Proved::Asks(look_up)),
            },
            Proof::Introspection(introspection, bound) => match introspection.prove(credential, state, now, told)? {
                Ok(verified) => bound.check(verified, credential, request, state, now).map(Proved::Caller),
                Err(look_up) => Ok(Proved::Asks(look_up)),
            },
            Proof::Certificate(certificates) => certificates.prove(request, now).map(Proved::Caller),
            Proof::Signature(signatures) => {
                let signed = signatures.prove(request, state, now)?;
                Ok(if signed.digest { Proved::WithDigest(signed.identity) } else { Proved::Caller(signed.identity) })
            }
            Proof::ApiKey(keys) => keys.prove(credential, now).map(Proved::Caller),
            Proof::Basic(basic) => basic.prove(credential, &state.passwords, now, told),
        }
    }
}
