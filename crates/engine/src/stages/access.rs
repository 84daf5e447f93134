//! Stage access: who may do what. After contract, before inspect; its second half comes first after the upstream.
//!
//! Three levels. *Function*: an operation that rules select is denied unless one of them permits the caller. *Object*:
//! what belongs to somebody else is refused, before it is forwarded where owners are known by then, and otherwise before
//! the answer leaves. *Field*: what a role may not send is refused, what it may not see is taken out of answers.
//! Policies in Cedar are asked last, about all of it; what none of them permits is denied.
//! Path globs of rules are read leniently (see [`Reading::Lenient`]).

pub(crate) mod caller;
pub(crate) mod fields;
pub(crate) mod function;
pub(crate) mod objects;
pub(crate) mod owners;
mod policies;
mod policy;
mod respond;
mod shape;

use stockade_model::plan::{ApiPlan, OperationPlan};
use stockade_model::{Framing, Identity, Reason, Refusal, Request, Stage};

use self::caller::Grant;
use self::fields::{FieldRule, Sent, Way};
use self::function::Rule;
use self::objects::{Objects, Place, Target, shown};
use self::owners::Held;
use self::policies::Policies;
use crate::fields::{decode_query, query_parts};
use crate::stage::{Exchange, Facts, Outcome, Ran, Received, RequestStage};
use crate::{PlanError, State};

const DENIED: Reason = Reason {
    code: "access.denied",
    status: 403,
    meaning: "the caller has none of the roles and scopes that the operation asks for",
    remedy: "give the caller a role or scope of one of the rules that select the operation, or change the rules",
    source: "OWASP API5:2023; RFC 9110 15.5.4",
};

const NO_IDENTITY: Reason = Reason {
    code: "access.no_identity",
    status: 401,
    meaning: "the operation is for some callers only, and nothing proved who this one is",
    remedy: "send a credential; configure `identity.methods` when the API has none",
    source: "OWASP API5:2023; RFC 9110 15.5.2",
};

const NOT_OWNER: Reason = Reason {
    code: "access.not_owner",
    status: 403,
    meaning: "the object belongs to somebody else",
    remedy: "name the callers who reach everybody's objects in `access.all_objects`",
    source: "OWASP API1:2023",
};

const OWNER_UNKNOWN: Reason = Reason {
    code: "access.owner_unknown",
    status: 403,
    meaning: "nothing told whose the object is, and objects of unknown owners are refused",
    remedy: "have callers list or read their objects first, declare the owner, or set `unknown: pass` for the objects",
    source: "OWASP API1:2023",
};

const FIELD: Reason = Reason {
    code: "access.field",
    status: 403,
    meaning: "the request holds a field that the caller may not send",
    remedy: "leave the field out, or give the caller a role of the field rule's `send`",
    source: "OWASP API3:2023",
};

const POLICY: Reason = Reason {
    code: "access.policy",
    status: 403,
    meaning: "no policy permits it, or one forbids it",
    remedy: "look with `stockade policy explain` at what decides, and change the policies",
    source: "OWASP API5:2023; Cedar 4",
};

const UNDECIDED: Reason = Reason {
    code: "access.undecided",
    status: 403,
    meaning: "policies could not decide: a value is not of its type, or a policy failed",
    remedy: "have policies ask with `has` before they use what may be missing, and the contract check what is sent",
    source: "Cedar 4",
};

const UNREADABLE: Reason = Reason {
    code: "access.unreadable",
    status: 502,
    meaning: "owner or fields of the answer matter, and the answer cannot be read",
    remedy: "raise `access.body`, or have the service answer with JSON",
    source: "OWASP API1:2023, API3:2023",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] =
    &[&DENIED, &NO_IDENTITY, &NOT_OWNER, &OWNER_UNKNOWN, &FIELD, &POLICY, &UNDECIDED, &UNREADABLE];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Access {
    grants: Vec<Grant>,
    rules: Vec<Rule>,
    deny_others: bool,
    objects: Vec<Objects>,
    fields: Vec<FieldRule>,
    body_bytes: u64,
    policies: Option<Box<Policies>>,
    /// Length of the base path without a `/` at its end.
    base: usize,
}

impl Access {
    /// Compiles the rules.
    ///
    /// # Errors
    /// The first thing that does not compile.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let setting = |rest: &str| format!("apis.{}.access.{rest}", plan.name);
        let operations: &[OperationPlan] = &plan.operations;
        let access = &plan.access;
        let mut grants = Vec::with_capacity(access.roles.len());
        for one in &access.roles {
            let grant =
                Grant::new(one).map_err(|problem| PlanError::new(setting(&format!("roles.{}", one.role)), problem));
            grants.push(grant?);
        }
        let mut objects = Vec::with_capacity(access.objects.len());
        for one in &access.objects {
            let kind = Objects::new(one);
            objects.push(kind.map_err(|problem| PlanError::new(setting(&format!("objects.{}", one.path)), problem))?);
        }
        let policies = access.policies.as_deref().map(|plan| Policies::new(plan, operations).map(Box::new));
        let policies = policies.transpose().map_err(|fault| {
            let place = if fault.place.is_empty() { String::new() } else { format!(".{}", fault.place) };
            PlanError::new(setting(&format!("policies{place}")), fault.problem)
        });
        let rules = access.rules.iter();
        let fields = access.fields.iter();
        Ok(Self {
            grants,
            rules: rules
                .map(|rule| Rule::new(rule, operations, &setting(&format!("rules.{}", rule.name))))
                .collect::<Result<_, _>>()?,
            deny_others: access.deny_others,
            objects,
            fields: fields
                .map(|rule| FieldRule::new(rule, operations, &setting(&format!("fields.{}", rule.name))))
                .collect::<Result<_, _>>()?,
            body_bytes: access.body_bytes,
            policies: policies?,
            base: plan.base_path.strip_suffix('/').unwrap_or(&plan.base_path).len(),
        })
    }

    /// Whether it has to see the body of a request.
    pub(crate) fn wants_body(&self, operation: Option<usize>, request: &Request, identity: Option<&Identity>) -> bool {
        request.framing != Framing::None
            && (self.fields.iter().any(|rule| rule.applies(Way::Send, operation, request, identity))
                || self.policies.as_ref().is_some_and(|policies| policies.wants_body(operation, request)))
    }

    fn place<'a>(&self, api: &'a str, request: &'a Request, operation: Option<usize>, facts: &'a Facts) -> Place<'a> {
        let parameters = operation.map(|_| facts.path_values.as_slice());
        Place { api, path: request.path.as_str(), base: self.base, parameters }
    }

    /// Refuses what is somebody else's, as far as that is known before the upstream is asked.
    fn check_objects(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let Some(api) = exchange.api else { return Ok(Ran::Skip) };
        let operation = exchange.record.operation;
        let mut ran = Ran::Skip;
        for kind in &self.objects {
            let place = self.place(&api.name, exchange.request, operation, exchange.facts);
            let Some(target) = kind.target(&place) else { continue };
            ran = Ran::Pass;
            let Some(identity) = exchange.record.identity.clone() else {
                return Err(Box::new(no_identity(exchange, &format!("objects.{}", kind.path), "the owner")));
            };
            if !kind.applies(&identity) {
                tell(exchange, || format!("`{}`: the caller reaches everybody's", kind.path));
                continue;
            }
            if kind.is_told_by_response() && target.is_whole && exchange.request.method == "GET" {
                tell(exchange, || format!("`{}`: the response will tell the owner", kind.path));
                continue;
            }
            let now_s = exchange.now.monotonic_us / 1_000_000;
            match kind.held(&target, &identity, &state.owners, now_s) {
                Held::Own => {
                    tell(exchange, || format!("`{}`: `{}` is the caller's own", kind.path, target.id));
                    exchange.explain_setting(|exchange| exchange.setting(&format!("access.objects.{}", kind.path)));
                }
                Held::Unknown if !kind.refuses_unknown => {
                    tell(exchange, || format!("`{}`: nobody knows whose `{}` is", kind.path, target.id));
                }
                held => return Err(Box::new(not_own(exchange, kind, &target, &held, &identity))),
            }
        }
        Ok(ran)
    }
}

/// A refusal for an object that is not the caller's, or may not be.
fn not_own(exchange: &Exchange<'_>, kind: &Objects, target: &Target, held: &Held, identity: &Identity) -> Refusal {
    let caller = kind.callers(identity).iter().map(|caller| shown(caller).to_owned()).collect::<Vec<_>>().join("`, `");
    let (reason, whose) = match held {
        Held::Other(owner) => (&NOT_OWNER, format!("belongs to `{}`", shown(owner))),
        Held::Own | Held::Unknown => (&OWNER_UNKNOWN, "belongs to nobody that is known".to_owned()),
    };
    let detail = format!("expected an object of `{caller}`; `{}` of `{}` {whose}", target.id, kind.path);
    let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
    let setting = exchange.setting(&format!("access.objects.{}", kind.path));
    let mut refusal = Refusal::new(Stage::Access, reason, setting, detail);
    refusal.exception = Some(match held {
        Held::Other(_) => "add a role of the caller to `access.all_objects`".to_owned(),
        Held::Own | Held::Unknown => "set `unknown: pass` for these objects".to_owned(),
    });
    refusal
}

/// A refusal of a caller who showed nothing.
fn no_identity(exchange: &Exchange<'_>, setting: &str, wish: &str) -> Refusal {
    let challenge = exchange.api.and_then(|api| api.challenge.clone());
    // Without a method there is no challenge to offer, and a 401 must carry one.
    let (reason, got) = match &challenge {
        None => (&DENIED, "no identity, and no method to prove one"),
        Some(_) => (&NO_IDENTITY, "no identity"),
    };
    let setting = exchange.setting(&format!("access.{setting}"));
    let mut refusal = Refusal::new(Stage::Access, reason, setting, format!("expected {wish}; got {got}"));
    refusal.challenge = challenge;
    refusal
}

/// Adds to what the note of the stage says, when someone asked.
fn tell(exchange: &mut Exchange<'_>, told: impl FnOnce() -> String) {
    if exchange.record.explain {
        if !exchange.pending.0.is_empty() {
            exchange.pending.0.push_str("; ");
        }
        exchange.pending.0.push_str(&told());
    }
}

impl RequestStage for Access {
    fn stage(&self) -> Stage {
        Stage::Access
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        caller::grant(&self.grants, exchange.record);
        // A preflight asks whether a call may be made; the call itself is judged when it comes.
        if exchange.facts.preflight {
            return Ok(Ran::Skip);
        }
        let function = function::check(&self.rules, self.deny_others, exchange)?;
        let object = self.check_objects(exchange, state)?;
        let policy = match &self.policies {
            // The body's turn comes; without one there is nothing to wait for.
            Some(policies) if !self.waits(policies, exchange) => self.ask_policies(policies, exchange, state, None)?,
            _ => Ran::Skip,
        };
        Ok([function, object, policy].into_iter().find(|ran| *ran == Ran::Pass).unwrap_or(Ran::Skip))
    }

    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        let fields = self.check_fields(exchange, received)?;
        let policy = match &self.policies {
            Some(policies) if self.waits(policies, exchange) => {
                self.ask_policies(policies, exchange, received.state, Some(received))?
            }
            _ => Ran::Skip,
        };
        Ok(if policy == Ran::Pass { policy } else { fields })
    }
}

impl Access {
    /// Refuses a body that holds a field which the caller may not send.
    fn check_fields(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        let (request, operation) = (exchange.request, exchange.record.operation);
        let identity = exchange.record.identity.as_deref();
        let applies = |rule: &&FieldRule| rule.applies(Way::Send, operation, request, identity);
        let rules: Vec<&FieldRule> = self.fields.iter().filter(applies).collect();
        if rules.is_empty() {
            return Ok(Ran::Skip);
        }
        let body = match received.parsed {
            None => None,
            Some(Ok(parsed)) => Some(parsed),
            Some(Err(error)) => {
                let setting = exchange.setting("access.fields");
                return Err(Box::new(Refusal::new(Stage::Access, error.reason, setting, error.detail.clone())));
            }
        };
        let query = if matches!(request.method.as_str(), "GET" | "HEAD") { None } else { request.query.as_deref() };
        let query: Vec<(String, String)> = query
            .into_iter()
            .flat_map(query_parts)
            .filter_map(|(name, value)| Some((decode_query(name)?.into_owned(), value.to_owned())))
            .collect();
        let sent = if received.too_long {
            Some(Sent::Unseen("a body that is longer than what is judged"))
        } else {
            fields::forbidden(&rules, body, received.bytes, &query)
        };
        let Some(sent) = sent else {
            tell(exchange, || "no field that the caller may not send".to_owned());
            return Ok(Ran::Pass);
        };
        let (rule, got) = match &sent {
            Sent::Field(rule, place) => (rules.get(*rule), format!("`{place}`")),
            Sent::Unseen(what) => (rules.first(), (*what).to_owned()),
        };
        let (name, wish) = rule.map_or_else(Default::default, |rule| (rule.name.clone(), rule.wish(Way::Send)));
        let setting = exchange.setting(&format!("access.fields.{name}"));
        let detail = format!("expected no field that only {wish} may send; got {got}");
        let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
        let mut refusal = Refusal::new(Stage::Access, &FIELD, setting, detail);
        refusal.exception = Some(format!("add a role of the caller to `send` of field rule `{name}`"));
        Err(Box::new(refusal))
    }
}
