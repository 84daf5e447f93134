//! Stage identity: who is calling, proven. After route, before the decisions about callers and before contract.
//!
//! The methods of the route are tried in order; the first whose credential is present decides, and a bad credential is
//! always refused, also where none is needed: a caller who shows a false one is not anonymous. What the stage cannot
//! know by itself it asks for (see [`LookUp`]) and is called again with the answer.

mod api_key;
mod basic;
mod bound;
mod certificate;
mod claims;
mod dpop;
mod find;
mod hand_on;
mod introspection;
mod json;
mod jwt;
mod keys;
mod look_up;
mod method;
mod passwords;
mod replays;
mod routes;
mod signature;
mod signature_base;
mod structured;
mod tokens;

use std::sync::Arc;

use stockade_model::plan::ApiPlan;
use stockade_model::{Identity, Reason, Refusal, Request, Stage};

pub use look_up::{LookUp, LookedUp, Wanted};
pub(crate) use passwords::Passwords;
pub use passwords::is_password;
pub(crate) use replays::Replays;
pub(crate) use tokens::Tokens;

use crate::fields::cookies;
use crate::stage::{Exchange, Outcome, Ran, Received, RequestStage};
use crate::{PlanError, State};
use find::Found;
pub(crate) use hand_on::{HandOn, is_one_of};
use method::{Method, Proved};
use routes::{Order, Routes};

const MISSING: Reason = Reason {
    code: "identity.missing",
    status: 401,
    meaning: "the operation asks for a credential and none came",
    remedy: "send a credential; list operations that need none under `identity.anonymous`",
    source: "RFC 9110 15.5.2; OWASP API2:2023",
};

const AMBIGUOUS: Reason = Reason {
    code: "identity.ambiguous",
    status: 401,
    meaning: "the credential came more than once",
    remedy: "send it once; two parts of a system could each believe another one",
    source: "RFC 6750 2",
};

/// Nobody could tell in time whether the credential is good.
const UNAVAILABLE: Reason = Reason {
    code: "identity.unavailable",
    status: 503,
    meaning: "the credential could not be checked in time, and the fail mode of identity is `closed`",
    remedy: "see whether control runs and the identity provider answers; `fail.identity: open` lets such callers pass \
             as anonymous",
    source: "RFC 9110 15.6.4",
};

/// A credential that proves nothing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Reason of the refusal.
    pub(crate) reason: &'static Reason,
    /// Expected and got; masked.
    pub(crate) detail: String,
}

impl Fault {
    /// A fault with its detail.
    pub(crate) fn new(reason: &'static Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }

    /// A credential that could not be checked: the stage's fail mode decides.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(&UNAVAILABLE, detail)
    }

    fn is_unavailable(&self) -> bool {
        self.reason.code == UNAVAILABLE.code
    }
}

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[
    &MISSING,
    &AMBIGUOUS,
    &UNAVAILABLE,
    &jwt::MALFORMED,
    &jwt::ALGORITHM,
    &jwt::UNKNOWN_KEY,
    &jwt::SIGNATURE,
    &claims::EXPIRED,
    &claims::NOT_YET,
    &claims::CLAIM,
    &bound::BOUND,
    &introspection::INACTIVE,
    &introspection::ODD,
    &dpop::PROOF,
    &dpop::REPLAYED,
    &certificate::HOLDER,
    &signature::MALFORMED,
    &signature::WRONG,
    &signature::STALE,
    &signature::DIGEST,
    &api_key::UNKNOWN,
    &api_key::EXPIRED,
    &basic::MALFORMED,
    &basic::WRONG,
];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct IdentityStage {
    methods: Vec<Method>,
    routes: Routes,
    session_cookies: Vec<String>,
    hand_on: Option<HandOn>,
    realm: String,
}

impl IdentityStage {
    /// Compiles methods, keys, routes and anonymous operations.
    ///
    /// # Errors
    /// A key that cannot be used, an unknown algorithm, a selector that does not compile.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let setting = format!("apis.{}.identity", plan.name);
        let methods = plan.identity.methods.iter().map(|method| Method::new(method, &plan.name, &setting));
        Ok(Self {
            methods: methods.collect::<Result<_, _>>()?,
            routes: Routes::new(plan, &setting)?,
            session_cookies: plan.identity.session_cookies.clone(),
            hand_on: match &plan.identity.hand_on {
                Some(hand_on) => Some(HandOn::new(hand_on, &format!("{setting}.hand_on"))?),
                None => None,
            },
            realm: plan.name.clone(),
        })
    }

    /// How the upstream is told who is calling.
    pub(crate) fn hand_on(&self) -> Option<&HandOn> {
        self.hand_on.as_ref()
    }

    /// The `WWW-Authenticate` field for a 401 (RFC 9110 11.6.1, RFC 6750 3); `None` without methods.
    ///
    /// `error` is the code for a bearer token that was refused.
    pub(crate) fn challenge(&self, error: Option<&str>) -> Option<String> {
        self.challenge_of(self.methods.iter(), error)
    }

    fn challenge_of<'a>(&self, methods: impl Iterator<Item = &'a Method>, error: Option<&str>) -> Option<String> {
        let mut schemes: Vec<String> = Vec::new();
        for scheme in methods.flat_map(|method| method.challenge(&self.realm, error)) {
            if !schemes.contains(&scheme) {
                schemes.push(scheme);
            }
        }
        (!schemes.is_empty()).then(|| schemes.join(", "))
    }

    fn methods_of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Method> {
        order.methods.iter().filter_map(move |place| self.methods.get(*place))
    }

    fn refuse(&self, exchange: &Exchange<'_>, fault: Fault, setting: &str, challenge: Option<String>) -> Box<Refusal> {
        let setting = exchange.setting(&format!("identity.{setting}"));
        let detail = stockade_inspect::mask::text(&fault.detail, 500).into_owned();
        let mut refusal = Refusal::new(Stage::Identity, fault.reason, setting, detail);
        refusal.challenge = challenge.filter(|_| refusal.status == 401);
        Box::new(refusal)
    }

    fn none_came(&self, exchange: &mut Exchange<'_>, order: &Order) -> Outcome {
        if exchange.facts.preflight || !self.routes.is_required(order, exchange) {
            exchange.explain(|_| "no credential, and none is needed".to_owned());
            exchange.explain_setting(|exchange| exchange.setting(&format!("identity.{}", order.setting)));
            return Ok(Ran::Pass);
        }
        let wanted: Vec<String> = self.methods_of(order).map(Method::wish).collect();
        let fault = Fault::new(&MISSING, format!("expected {}, got none", wanted.join(" or ")));
        let challenge = self.challenge_of(self.methods_of(order), None);
        let mut refusal = self.refuse(exchange, fault, &order.required_setting(), challenge);
        refusal.exception = Some(match exchange.operation_id() {
            _ if order.is_own => format!("add `anonymous` to the methods of this route of `apis.{}`", self.realm),
            Some(id) => format!("add `{id}` to `apis.{}.identity.anonymous.operations`", self.realm),
            None => format!("add the path to `apis.{}.identity.anonymous.paths`", self.realm),
        });
        Err(refusal)
    }

    /// The method that decides, with its credential: the first whose credential is there.
    ///
    /// Of several that look at the same place, the first whose form fits: a token that is no JWT is left to the next.
    fn choose<'a>(&'a self, request: &'a Request, order: &'a Order) -> Option<(&'a Method, Found<'a>)> {
        let found = |method: &'a Method| Some((method, method.find(request)));
        let (first, credential) =
            self.methods_of(order).filter_map(found).find(|(_, found)| !matches!(found, Found::Absent))?;
        let same_place = |method: &&Method| first.place.is_some() && method.place == first.place;
        if self.methods_of(order).filter(same_place).nth(1).is_some() {
            let fits = |(method, found): &(&Method, Found<'_>)| match found {
                Found::Once(credential) => method.fits(credential),
                Found::Absent | Found::Often => false,
            };
            if let Some(chosen) = self.methods_of(order).filter(same_place).filter_map(found).find(fits) {
                return Some(chosen);
            }
        }
        Some((first, credential))
    }

    /// The session by its cookie, for requests that no token gave one.
    fn take_session(&self, exchange: &mut Exchange<'_>) {
        if exchange.record.session.is_some() {
            return;
        }
        let request = exchange.request;
        let named =
            |name: &String| cookies(&request.headers).find(|(cookie, value)| cookie == name && !value.is_empty());
        if let Some((_, value)) = self.session_cookies.iter().find_map(named) {
            exchange.record.session = Some(tokens::hash_of(value));
        }
    }

    fn accept(&self, exchange: &mut Exchange<'_>, method: &Method, identity: Arc<Identity>) {
        exchange.record.session.clone_from(&identity.session);
        exchange.record.identity = Some(identity);
        exchange.facts.credential.clone_from(&method.place);
        exchange.explain(|exchange| {
            let subject = exchange.record.identity.as_ref().map(|identity| identity.subject.as_str());
            let told = format!("`{}` proved subject `{}`", method.name, subject.unwrap_or_default());
            stockade_inspect::mask::text(&told, 300).into_owned()
        });
        exchange.explain_setting(|exchange| exchange.setting(&format!("identity.methods.{}", method.name)));
    }

    fn prove(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let order = self.routes.order(exchange);
        let request = exchange.request;
        let (method, found) = match self.choose(request, order) {
            Some(chosen) => chosen,
            None => return self.none_came(exchange, order),
        };
        let setting = format!("methods.{}", method.name);
        let challenge = |error: &str| self.challenge_of(self.methods_of(order), Some(error));
        let credential = match found {
            Found::Once(credential) => credential,
            Found::Absent | Found::Often => {
                let fault = Fault::new(&AMBIGUOUS, format!("expected {} once, got it twice", method.wish()));
                return Err(self.refuse(exchange, fault, &setting, challenge("invalid_request")));
            }
        };
        let told = exchange.facts.looked_up.take();
        match method.prove(&credential, exchange, state, told) {
            Ok(Proved::Caller(identity)) => {
                self.accept(exchange, method, identity);
                Ok(Ran::Pass)
            }
            Ok(Proved::WithDigest(identity)) => {
                self.accept(exchange, method, identity);
                exchange.record.digest_signed = true;
                Ok(Ran::Pass)
            }
            Ok(Proved::Asks(look_up)) => {
                exchange.facts.look_up = Some(Box::new(look_up));
                Ok(Ran::Asks)
            }
            Err(fault) if fault.is_unavailable() => {
                exchange.undecided(Stage::Identity, |exchange| *self.refuse(exchange, fault.clone(), &setting, None))
            }
            Err(fault) if fault.reason.code == dpop::PROOF.code => {
                Err(self.refuse(exchange, fault, &setting, Some(dpop::challenge(&self.realm))))
            }
            Err(fault) => Err(self.refuse(exchange, fault, &setting, challenge("invalid_token"))),
        }
    }
}

impl RequestStage for IdentityStage {
    fn stage(&self) -> Stage {
        Stage::Identity
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let outcome = if self.methods.is_empty() { Ok(Ran::Skip) } else { self.prove(exchange, state) };
        self.take_session(exchange);
        outcome
    }

    /// Compares the body with the digest that the caller signed.
    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        if !exchange.record.digest_signed {
            return Ok(Ran::Skip);
        }
        let found = if received.complete {
            signature::check_digest(exchange.request, received.bytes)
        } else {
            Err(Fault::new(&signature::DIGEST, "expected a body that is short enough to be judged whole"))
        };
        match found {
            Ok(()) => Ok(Ran::Pass),
            Err(fault) => {
                let method = exchange.record.identity.as_ref().map(|identity| identity.method.clone());
                let setting = format!("methods.{}", method.unwrap_or_default());
                Err(self.refuse(exchange, fault, &setting, self.challenge(None)))
            }
        }
    }
}
