//! Stage access: who may do what. After contract, before inspect.
//!
//! An operation that rules select is denied unless one of them permits the caller; one that no rule selects is open to
//! whoever identity let pass. Path globs of rules are read leniently (see [`Reading::Lenient`]).

use stockade_model::plan::ApiPlan;
use stockade_model::{Identity, Reason, Refusal, Stage};

use crate::glob::Reading;
use crate::operations::Selection;
use crate::stage::{Exchange, Outcome, Ran, RequestStage};
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

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&DENIED, &NO_IDENTITY];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Access {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    select: Selection,
    roles: Vec<String>,
    scopes: Vec<String>,
}

impl Access {
    /// Compiles the rules.
    ///
    /// # Errors
    /// A selector that does not compile.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
        let rules = plan.access.rules.iter().map(|rule| {
            let setting = format!("apis.{}.access.rules.{}", plan.name, rule.name);
            Ok(Rule {
                name: rule.name.clone(),
                select: Selection::new(&rule.select, &plan.operations, Reading::Lenient, &setting)?,
                roles: rule.roles.clone(),
                scopes: rule.scopes.clone(),
            })
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }
}

impl Rule {
    fn permits(&self, identity: &Identity) -> bool {
        // A rule that asks for nothing permits nobody: it only closes what it selects.
        (!self.roles.is_empty() || !self.scopes.is_empty())
            && (self.roles.is_empty() || self.roles.iter().any(|role| identity.roles.contains(role)))
            && self.scopes.iter().all(|scope| identity.scopes.contains(scope))
    }

    fn wish(&self) -> String {
        match (self.roles.as_slice(), self.scopes.as_slice()) {
            ([], []) => "nobody".to_owned(),
            (roles, []) => format!("role {}", roles.join(" or ")),
            ([], scopes) => format!("scope {}", scopes.join(" and ")),
            (roles, scopes) => format!("role {} with scope {}", roles.join(" or "), scopes.join(" and ")),
        }
    }
}

impl RequestStage for Access {
    fn stage(&self) -> Stage {
        Stage::Access
    }

    fn head(&self, exchange: &mut Exchange<'_>, _state: &State) -> Outcome {
        // A preflight asks whether a call may be made; the call itself is judged when it comes.
        if self.rules.is_empty() || exchange.facts.preflight {
            return Ok(Ran::Skip);
        }
        let (request, operation) = (exchange.request, exchange.record.operation);
        let mut selecting = self.rules.iter().filter(|rule| rule.select.selects(operation, request)).peekable();
        if selecting.peek().is_none() {
            exchange.explain(|_| "no rule selects the operation".to_owned());
            return Ok(Ran::Skip);
        }
        let selecting: Vec<&Rule> = selecting.collect();
        let identity = exchange.record.identity.clone();
        if let Some(identity) = &identity
            && let Some(rule) = selecting.iter().find(|rule| rule.permits(identity))
        {
            exchange.explain(|_| format!("rule `{}` permits the caller", rule.name));
            exchange.explain_setting(|exchange| exchange.setting(&format!("access.rules.{}", rule.name)));
            return Ok(Ran::Pass);
        }
        let setting = exchange
            .setting(&format!("access.rules.{}", selecting.first().map(|rule| rule.name.as_str()).unwrap_or_default()));
        let wishes: Vec<String> =
            selecting.iter().take(4).map(|rule| format!("{} (rule `{}`)", rule.wish(), rule.name)).collect();
        let challenge = exchange.api.and_then(|api| api.challenge.clone());
        let (reason, got) = match &identity {
            Some(identity) => {
                (&DENIED, format!("roles [{}], scopes [{}]", identity.roles.join(", "), identity.scopes.join(", ")))
            }
            // Without a method there is no challenge to offer, and a 401 must carry one.
            None if challenge.is_none() => (&DENIED, "no identity, and no method to prove one".to_owned()),
            None => (&NO_IDENTITY, "no identity".to_owned()),
        };
        let detail = format!("expected {}; got {got}", wishes.join(", or "));
        let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
        let mut refusal = Refusal::new(Stage::Access, reason, setting, detail);
        refusal.exception = Some("add the caller's role to a rule that selects the operation".to_owned());
        if reason.status == 401 {
            refusal.challenge = challenge;
        }
        Err(Box::new(refusal))
    }
}
