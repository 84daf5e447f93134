//! Stage decisions: what control asked for, until a moment. First of all stages, and again once the caller is known.
//!
//! Decisions that name the address, the API, the method or a header are judged first, before anything costly. Those that
//! also name the subject, the client, the key or the operation are judged right after identity, where these are known.
//! Allow overrides Block in both: a Block found first is kept while an Allow that names a caller might still lift it,
//! and carried out after identity. Expiry is judged against the wall clock of each request, so a decision ends on time
//! whether or not control is there.

mod index;

use std::net::IpAddr;

use stockade_model::{Cidr, Decision, DecisionAction, Reason, Refusal, Stage};

pub(crate) use index::Index;

use crate::State;
use crate::actor::{Attribute, TOKEN_HASH_DIGITS, View};
use crate::stage::{Exchange, Outcome, Ran, RequestStage};

const BLOCKED: Reason = Reason {
    code: "decisions.blocked",
    status: 403,
    meaning: "a decision blocks this caller for now",
    remedy: "lift the decision, or add an `allow` decision for the caller",
    source: "",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&BLOCKED];

/// Checks that a decision can be enforced: a selector that names something, with known attributes and a good range.
///
/// # Errors
/// What was expected and what came.
pub fn check_decision(decision: &Decision) -> Result<(), String> {
    parse(decision).map(|_| ())
}

/// A selector, taken apart: the range, and the other attributes in order of their names.
type Parsed = (Option<Cidr>, Vec<(Attribute, String)>);

fn parse(decision: &Decision) -> Result<Parsed, String> {
    let mut range = None;
    let mut rest = Vec::new();
    for (name, value) in &decision.selector {
        match Attribute::parse(name)? {
            Attribute::Actor => return Err("expected the attribute that is meant, got `actor`".to_owned()),
            Attribute::Address => range = Some(value.parse::<Cidr>()?),
            // People have the token's hash or its id, and mean the token.
            Attribute::Token => rest.push(token(value)),
            attribute => rest.push((attribute, value.clone())),
        }
    }
    if range.is_none() && rest.is_empty() {
        return Err("expected a selector that names at least one attribute".to_owned());
    }
    rest.sort();
    Ok((range, rest))
}

/// A token by its SHA-256, whole or its first half in hexadecimal digits, or else by its `jti`.
fn token(value: &str) -> (Attribute, String) {
    let digits = value.bytes().all(|byte| byte.is_ascii_hexdigit());
    match value.get(..TOKEN_HASH_DIGITS) {
        Some(hash) if digits && matches!(value.len(), TOKEN_HASH_DIGITS | 64) => {
            (Attribute::TokenHash, hash.to_ascii_lowercase())
        }
        _ => (Attribute::Token, value.to_owned()),
    }
}

/// A decision as it is carried out.
#[derive(Debug)]
struct Entry {
    id: String,
    action: DecisionAction,
    reason: String,
    expires_us: u64,
}

/// Judges decisions about what the connection and the head tell.
#[derive(Debug)]
pub(crate) struct AboutRequest;

/// Judges decisions about what identity proved.
#[derive(Debug)]
pub(crate) struct AboutCaller;

fn view<'a>(exchange: &'a Exchange<'_>) -> (View<'a>, IpAddr) {
    (exchange.view(), exchange.request.client.address.to_canonical())
}

fn block(entry: &Entry) -> Box<Refusal> {
    let detail = format!("decision `{}`: {}", entry.id, entry.reason);
    let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
    let mut refusal = Refusal::new(Stage::Decisions, &BLOCKED, format!("decisions.{}", entry.id), detail);
    refusal.exception = Some(format!("lift decision `{}`", entry.id));
    Box::new(refusal)
}

impl RequestStage for AboutRequest {
    fn stage(&self) -> Stage {
        Stage::Decisions
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let index = state.decisions.load();
        if index.is_empty() {
            return Ok(Ran::Skip);
        }
        let (attributes, address) = view(exchange);
        let found = index.about_request.find(&attributes, address, exchange.now.wall.0);
        match found.action() {
            None => Ok(Ran::Pass),
            Some((DecisionAction::Allow, entry)) => {
                let told = format!("decision `{}` allows it", entry.id);
                exchange.facts.exempt = true;
                exchange.explain(|_| told);
                Ok(Ran::Pass)
            }
            Some((DecisionAction::Block, entry)) if index.may_allow_callers() => {
                let refusal = block(entry);
                exchange.facts.held = Some(refusal);
                Ok(Ran::Pass)
            }
            Some((DecisionAction::Block, entry)) => Err(block(entry)),
        }
    }
}

impl RequestStage for AboutCaller {
    fn stage(&self) -> Stage {
        Stage::Decisions
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        let held = exchange.facts.held.take();
        let index = state.decisions.load();
        if exchange.facts.exempt || (held.is_none() && index.about_caller.is_empty()) {
            return Ok(Ran::Skip);
        }
        let (attributes, address) = view(exchange);
        let found = index.about_caller.find(&attributes, address, exchange.now.wall.0);
        match (found.action(), held) {
            (Some((DecisionAction::Allow, entry)), _) => {
                let told = format!("decision `{}` allows it", entry.id);
                exchange.explain(|_| told);
                Ok(Ran::Pass)
            }
            (_, Some(held)) => Err(held),
            (Some((DecisionAction::Block, entry)), None) => Err(block(entry)),
            (None, None) => Ok(Ran::Pass),
        }
    }
}
