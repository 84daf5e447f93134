//! Function level: which callers may call which operations.

use stockade_model::plan::{AccessRulePlan, OperationPlan};
use stockade_model::{Identity, Refusal, Stage};

use super::{DENIED, no_identity, tell};
use crate::PlanError;
use crate::glob::Reading;
use crate::operations::Selection;
use crate::stage::{Exchange, Outcome, Ran};

/// One rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    name: String,
    select: Selection,
    roles: Vec<String>,
    scopes: Vec<String>,
    anyone: bool,
}

impl Rule {
    /// Compiles a rule; `setting` names it in errors.
    ///
    /// # Errors
    /// A selector that does not compile.
    pub(crate) fn new(plan: &AccessRulePlan, operations: &[OperationPlan], setting: &str) -> Result<Self, PlanError> {
        // What opens an operation to anybody must fit exactly; what closes it must not be slipped past.
        let reading = if plan.anyone { Reading::Exact } else { Reading::Lenient };
        Ok(Self {
            name: plan.name.clone(),
            select: Selection::new(&plan.select, operations, reading, setting)?,
            roles: plan.roles.clone(),
            scopes: plan.scopes.clone(),
            anyone: plan.anyone,
        })
    }

    fn permits(&self, identity: Option<&Identity>) -> bool {
        // A rule that asks for nothing permits nobody: it only closes what it selects.
        let asks = !self.roles.is_empty() || !self.scopes.is_empty();
        self.anyone
            || identity.is_some_and(|identity| {
                asks && (self.roles.is_empty() || self.roles.iter().any(|role| identity.roles.contains(role)))
                    && self.scopes.iter().all(|scope| identity.scopes.contains(scope))
            })
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

/// Asks the rules that select the operation; one that permits the caller is enough. Where several select it, one that
/// is for anyone only opens what no other closes.
pub(crate) fn check(rules: &[Rule], deny_others: bool, exchange: &mut Exchange<'_>) -> Outcome {
    if rules.is_empty() && !deny_others {
        return Ok(Ran::Skip);
    }
    let (request, operation) = (exchange.request, exchange.record.operation);
    let selecting: Vec<&Rule> = rules.iter().filter(|rule| rule.select.selects(operation, request)).collect();
    let closing = selecting.iter().any(|rule| !rule.anyone);
    if selecting.is_empty() && !deny_others {
        tell(exchange, || "no rule selects the operation".to_owned());
        return Ok(Ran::Skip);
    }
    let identity = exchange.record.identity.clone();
    let permits = |rule: &&&Rule| !(closing && rule.anyone) && rule.permits(identity.as_deref());
    if let Some(rule) = selecting.iter().find(permits) {
        tell(exchange, || format!("rule `{}` permits the caller", rule.name));
        exchange.explain_setting(|exchange| exchange.setting(&format!("access.rules.{}", rule.name)));
        return Ok(Ran::Pass);
    }
    let setting = match selecting.first() {
        Some(rule) => format!("rules.{}", rule.name),
        None => "default".to_owned(),
    };
    let wishes: Vec<String> =
        selecting.iter().take(4).map(|rule| format!("{} (rule `{}`)", rule.wish(), rule.name)).collect();
    let wish = if wishes.is_empty() { "a rule that permits it".to_owned() } else { wishes.join(", or ") };
    let Some(identity) = identity else { return Err(Box::new(no_identity(exchange, &setting, &wish))) };
    let got = format!("roles [{}], scopes [{}]", identity.roles.join(", "), identity.scopes.join(", "));
    let detail = format!("expected {wish}; got {got}");
    let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
    let setting = exchange.setting(&format!("access.{setting}"));
    let mut refusal = Refusal::new(Stage::Access, &DENIED, setting, detail);
    refusal.exception = Some("add the caller's role to a rule that selects the operation".to_owned());
    Err(Box::new(refusal))
}
