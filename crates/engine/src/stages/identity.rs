//! Stage identity: who is calling, proven. After route, before the decisions about callers and before contract.
//!
//! Methods are tried in order; the first whose credential is present decides, and a bad credential is always refused,
//! also where none is needed: a caller who shows a false one is not anonymous.

mod api_key;
mod bound;
mod claims;
mod json;
mod jwt;
mod keys;
mod tokens;

use std::borrow::Cow;
use std::sync::Arc;

use stockade_model::plan::{ApiPlan, IdentityMethodPlan, KeyPlace};
use stockade_model::{Identity, Now, Reason, Refusal, Request, Stage};

pub(crate) use tokens::Tokens;

use crate::fields::{cookies, decode_query, query_parts};
use crate::glob::Reading;
use crate::operations::Selection;
use crate::stage::{Credential, Exchange, Outcome, Ran, RequestStage};
use crate::{PlanError, State};
use api_key::ApiKeys;
use jwt::Jwt;

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
}

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[
    &MISSING,
    &AMBIGUOUS,
    &jwt::MALFORMED,
    &jwt::ALGORITHM,
    &jwt::UNKNOWN_KEY,
    &jwt::SIGNATURE,
    &claims::EXPIRED,
    &claims::NOT_YET,
    &claims::CLAIM,
    &bound::BOUND,
    &api_key::UNKNOWN,
    &api_key::EXPIRED,
];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct IdentityStage {
    methods: Vec<Method>,
    required: bool,
    anonymous: Vec<Selection>,
    realm: String,
}

#[derive(Debug)]
struct Method {
    name: String,
    place: Credential,
    proof: Proof,
}

#[derive(Debug)]
enum Proof {
    Jwt(Jwt),
    ApiKey(ApiKeys),
}

enum Found<'a> {
    Absent,
    Once(Cow<'a, str>),
    Often,
}

impl IdentityStage {
    /// Compiles methods, keys and anonymous operations.
    ///
    /// # Errors
    /// A key that cannot be used, an unknown algorithm, a selector that does not compile.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let setting = format!("apis.{}.identity", plan.name);
        let methods = plan.identity.methods.iter().map(|method| Method::new(method, &setting));
        let anonymous = plan.identity.anonymous.iter().map(|selector| {
            Selection::new(selector, &plan.operations, Reading::Exact, &format!("{setting}.anonymous"))
        });
        let stage = Self {
            methods: methods.collect::<Result<_, _>>()?,
            anonymous: anonymous.collect::<Result<_, _>>()?,
            required: plan.identity.required,
            realm: plan.name.clone(),
        };
        if stage.required && stage.methods.is_empty() {
            return Err(PlanError::new(
                format!("{setting}.required"),
                "expected at least one entry under `identity.methods` when a credential is required",
            ));
        }
        Ok(stage)
    }

    /// The `WWW-Authenticate` field for a 401 (RFC 9110 11.6.1, RFC 6750 3); `None` without methods.
    ///
    /// `error` is the code for a bearer token that was refused.
    pub(crate) fn challenge(&self, error: Option<&str>) -> Option<String> {
        let mut schemes: Vec<String> = Vec::new();
        for method in &self.methods {
            let scheme = match (&method.proof, error) {
                (Proof::Jwt(_), Some(error)) => format!("Bearer realm=\"{}\", error=\"{error}\"", self.realm),
                (Proof::Jwt(_), None) => format!("Bearer realm=\"{}\"", self.realm),
                (Proof::ApiKey(_), _) => format!("ApiKey realm=\"{}\"", self.realm),
            };
            if !schemes.contains(&scheme) {
                schemes.push(scheme);
            }
        }
        (!schemes.is_empty()).then(|| schemes.join(", "))
    }

    fn refuse(&self, exchange: &Exchange<'_>, fault: Fault, setting: &str, error: Option<&str>) -> Box<Refusal> {
        let setting = exchange.setting(&format!("identity.{setting}"));
        let detail = stockade_inspect::mask::text(&fault.detail, 500).into_owned();
        let mut refusal = Refusal::new(Stage::Identity, fault.reason, setting, detail);
        refusal.challenge = self.challenge(error);
        Box::new(refusal)
    }

    fn none_came(&self, exchange: &mut Exchange<'_>) -> Outcome {
        let (request, operation) = (exchange.request, exchange.record.operation);
        if exchange.facts.preflight || !self.required {
            exchange.explain(|_| "no credential, and none is needed".to_owned());
            return Ok(Ran::Pass);
        }
        if self.anonymous.iter().any(|selection| selection.selects(operation, request)) {
            exchange.explain(|_| "no credential; the operation is anonymous".to_owned());
            exchange.explain_setting(|exchange| exchange.setting("identity.anonymous"));
            return Ok(Ran::Pass);
        }
        let wanted: Vec<String> = self.methods.iter().map(Method::wish).collect();
        let fault = Fault::new(&MISSING, format!("expected {}, got none", wanted.join(" or ")));
        let mut refusal = self.refuse(exchange, fault, "required", None);
        refusal.exception = Some(match exchange.operation_id() {
            Some(id) => format!("add `{id}` to `apis.{}.identity.anonymous.operations`", self.realm),
            None => format!("add the path to `apis.{}.identity.anonymous.paths`", self.realm),
        });
        Err(refusal)
    }
}

impl Method {
    fn new(plan: &IdentityMethodPlan, setting: &str) -> Result<Self, PlanError> {
        match plan {
            IdentityMethodPlan::Jwt { name, .. } => Ok(Self {
                name: name.clone(),
                place: Credential { place: KeyPlace::Header, name: "authorization".to_owned() },
                proof: Proof::Jwt(Jwt::new(plan, &format!("{setting}.methods.{name}"))?),
            }),
            IdentityMethodPlan::ApiKey { name, place, parameter, keys } => Ok(Self {
                name: name.clone(),
                place: Credential { place: *place, name: parameter.clone() },
                proof: Proof::ApiKey(ApiKeys::new(
                    name,
                    *place,
                    parameter,
                    keys,
                    &format!("{setting}.methods.{name}"),
                )?),
            }),
        }
    }

    fn wish(&self) -> String {
        match (&self.proof, self.place.place) {
            (Proof::Jwt(_), _) => "a bearer token".to_owned(),
            (_, KeyPlace::Header) => format!("an API key in header `{}`", self.place.name),
            (_, KeyPlace::Query) => format!("an API key in query parameter `{}`", self.place.name),
            (_, KeyPlace::Cookie) => format!("an API key in cookie `{}`", self.place.name),
        }
    }

    fn find<'a>(&self, request: &'a Request) -> Found<'a> {
        let name = self.place.name.as_str();
        match (&self.proof, self.place.place) {
            (Proof::Jwt(_), _) => bearer(request),
            (_, KeyPlace::Header) => once(request.headers.get_all(name).map(String::from_utf8_lossy)),
            (_, KeyPlace::Query) => once(
                query_parts(request.query.as_deref().unwrap_or_default())
                    .filter(|(raw, _)| decode_query(raw).is_some_and(|decoded| decoded == name))
                    .map(|(_, value)| decode_query(value).unwrap_or_default()),
            ),
            (_, KeyPlace::Cookie) => once(
                cookies(&request.headers).filter(|(cookie, _)| *cookie == name).map(|(_, value)| Cow::Borrowed(value)),
            ),
        }
    }

    fn prove(&self, credential: &str, request: &Request, state: &State, now: Now) -> Result<Arc<Identity>, Fault> {
        match &self.proof {
            Proof::Jwt(jwt) => bound::check(state.tokens.prove(jwt, credential, now)?, request),
            Proof::ApiKey(keys) => keys.prove(credential, now),
        }
    }
}

/// The token of `Authorization: Bearer` (RFC 6750 2.1). Another scheme is not a bearer token; two fields are refused.
fn bearer(request: &Request) -> Found<'_> {
    let mut fields = request.headers.get_all("authorization");
    let Some(value) = fields.next() else { return Found::Absent };
    if fields.next().is_some() {
        return Found::Often;
    }
    let (scheme, rest) = value.split_at(value.len().min("bearer".len()));
    if !scheme.eq_ignore_ascii_case(b"bearer") || !(rest.is_empty() || rest.starts_with(b" ")) {
        return Found::Absent;
    }
    // Bytes that are not UTF-8 become a replacement character, which no token has, so the token is refused.
    Found::Once(match String::from_utf8_lossy(rest) {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches(' ')),
        Cow::Owned(text) => Cow::Owned(text.trim_matches(' ').to_owned()),
    })
}

fn once<'a>(mut values: impl Iterator<Item = Cow<'a, str>>) -> Found<'a> {
    match (values.next(), values.next()) {
        (None, _) => Found::Absent,
        (Some(value), None) => Found::Once(value),
        (Some(_), Some(_)) => Found::Often,
    }
}

impl RequestStage for IdentityStage {
    fn stage(&self) -> Stage {
        Stage::Identity
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        if self.methods.is_empty() {
            return Ok(Ran::Skip);
        }
        for method in &self.methods {
            let setting = || format!("methods.{}", method.name);
            match method.find(exchange.request) {
                Found::Absent => {}
                Found::Often => {
                    let fault = Fault::new(&AMBIGUOUS, format!("expected {} once, got it twice", method.wish()));
                    return Err(self.refuse(exchange, fault, &setting(), Some("invalid_request")));
                }
                Found::Once(credential) => match method.prove(&credential, exchange.request, state, exchange.now) {
                    Ok(identity) => {
                        exchange.record.session.clone_from(&identity.session);
                        exchange.record.identity = Some(identity);
                        exchange.facts.credential = Some(method.place.clone());
                        exchange.explain(|exchange| {
                            let subject = exchange.record.identity.as_ref().map(|identity| identity.subject.as_str());
                            let told = format!("`{}` proved subject `{}`", method.name, subject.unwrap_or_default());
                            stockade_inspect::mask::text(&told, 300).into_owned()
                        });
                        exchange.explain_setting(|exchange| exchange.setting(&format!("identity.{}", setting())));
                        return Ok(Ran::Pass);
                    }
                    Err(fault) => return Err(self.refuse(exchange, fault, &setting(), Some("invalid_token"))),
                },
            }
        }
        self.none_came(exchange)
    }
}
