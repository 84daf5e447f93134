//! Stage decisions: what control asked for, until a moment. First of all stages, and again once the caller is known.
//!
//! Decisions that name the address, the API, the method or a header are judged first, before anything costly. Those that
//! also name the subject, the client, the key or the operation are judged right after identity, where these are known.
//! Allow overrides Block in both: a Block found first is kept while an Allow that names a caller might still lift it,
//! and carried out after identity. Expiry is judged against the wall clock of each request, so a decision ends on time
//! whether or not control is there.

mod index;
mod proof;

use std::net::IpAddr;

use stockade_model::{Cidr, Decision, DecisionAction, Mode, Reason, Refusal, Stage};

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

const CHALLENGED: Reason = Reason {
    code: "decisions.challenged",
    status: 403,
    meaning: "a decision asks this caller to prove itself",
    remedy: "lift the decision; browsers prove themselves by a page, programs by a new credential or the work it names",
    source: "RFC 9470",
};

const LIMITED: Reason = Reason {
    code: "decisions.limited",
    status: 429,
    meaning: "a decision admits only so many requests a minute of those it selects",
    remedy: "lift the decision, or raise its `rate`",
    source: "RFC 6585 4",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&BLOCKED, &CHALLENGED, &LIMITED];

/// Requests a minute of a limit that does not say.
const RATE: u32 = 30;
/// Delay that is not told, and the longest one, ms.
const DELAY_MS: u32 = 2_000;
const LONGEST_DELAY_MS: u32 = 10_000;

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
    rate: u32,
    delay_ms: u32,
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

fn refusal(entry: &Entry, reason: &'static Reason) -> Box<Refusal> {
    let detail = format!("decision `{}`: {}", entry.id, entry.reason);
    let detail = stockade_inspect::mask::text(&detail, 500).into_owned();
    let mut refusal = Refusal::new(Stage::Decisions, reason, format!("decisions.{}", entry.id), detail);
    refusal.exception = Some(format!("lift decision `{}`", entry.id));
    Box::new(refusal)
}

/// What is done about a request.
enum Done<'a> {
    /// Nothing applies.
    Nothing,
    /// An Allow: nothing else counts.
    Exempt(&'a Entry),
    /// Turned away.
    Refused(Box<Refusal>),
    /// Let through, slowed.
    Slowed,
}

/// Carries out what was found, the strictest first; what lets the request through leaves the next its turn.
fn carry_out<'a>(found: &index::Found<'a>, exchange: &mut Exchange<'_>, state: &State) -> Done<'a> {
    let mut done = Done::Nothing;
    for entry in found.all() {
        match entry.action {
            DecisionAction::Allow => return Done::Exempt(entry),
            DecisionAction::Block => return Done::Refused(refusal(entry, &BLOCKED)),
            DecisionAction::Challenge => {
                if !proof::is_shown(exchange.request, &entry.id, exchange.now.wall.0) {
                    return Done::Refused(challenge(entry, exchange));
                }
                exchange.pending.0 = format!("decision `{}`: the caller showed its proof", entry.id);
            }
            DecisionAction::Limit => {
                if let Some(wait_s) = state.counts.admit(&entry.id, entry.rate, exchange.now.monotonic_us) {
                    let mut refusal = refusal(entry, &LIMITED);
                    refusal.retry_after_s = Some(wait_s);
                    return Done::Refused(refusal);
                }
            }
            DecisionAction::SlowDown => {
                if exchange.mode() == Mode::Enforce {
                    exchange.record.wait_ms = exchange.record.wait_ms.max(entry.delay_ms);
                }
                exchange.pending = (
                    format!("decision `{}` lets it wait {} ms", entry.id, entry.delay_ms),
                    format!("decisions.{}", entry.id),
                );
                done = Done::Slowed;
            }
            DecisionAction::Watch => {
                if exchange.pending.0.is_empty() {
                    exchange.pending =
                        (format!("watched by decision `{}`", entry.id), format!("decisions.{}", entry.id));
                }
            }
        }
    }
    done
}

/// Asks a browser for work, and a program for a credential that was made later (RFC 9470) or the same work.
fn challenge(entry: &Entry, exchange: &Exchange<'_>) -> Box<Refusal> {
    let mut refusal = refusal(entry, &CHALLENGED);
    let puzzle = proof::puzzle(exchange.request, &entry.id, exchange.now.wall.0);
    if !puzzle.page {
        refusal.status = 401;
        refusal.challenge = Some(
            "Bearer error=\"insufficient_user_authentication\", error_description=\"a new sign-in is needed\""
                .to_owned(),
        );
    }
    refusal.puzzle = Some(puzzle);
    refusal
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
        match carry_out(&found, exchange, state) {
            Done::Nothing => Ok(Ran::Pass),
            Done::Slowed => Ok(Ran::Slow),
            Done::Exempt(entry) => {
                let told = format!("decision `{}` allows it", entry.id);
                exchange.facts.exempt = true;
                exchange.explain(|_| told);
                Ok(Ran::Pass)
            }
            Done::Refused(refusal) if index.may_allow_callers() => {
                exchange.facts.held = Some(refusal);
                Ok(Ran::Pass)
            }
            Done::Refused(refusal) => Err(refusal),
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
        match (carry_out(&found, exchange, state), held) {
            (Done::Exempt(entry), _) => {
                let told = format!("decision `{}` allows it", entry.id);
                exchange.explain(|_| told);
                Ok(Ran::Pass)
            }
            (_, Some(held)) => Err(held),
            (Done::Refused(refusal), None) => Err(refusal),
            (Done::Slowed, None) => Ok(Ran::Slow),
            (Done::Nothing, None) => Ok(Ran::Pass),
        }
    }
}
