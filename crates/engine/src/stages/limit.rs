//! Stage limit: what a caller may use, counted by any attribute. After inspect, last before the upstream.
//!
//! Last, so that only requests that would otherwise pass are counted; a request refused before costs its sender nothing
//! but is recorded. The one exception are limits on failures by what is known before the caller is: they are asked
//! before identity, so that credentials cannot be tried without end. All tiers of all limits are asked, in the order of
//! the plan; when one refuses, what the others were charged is given back.
//!
//! What is known only at the end of an exchange (bytes, failures) is held in the record and settled then
//! ([`crate::State::settle`]). What the shared store has to decide is asked by the gateway, which comes back with the
//! answers ([`crate::Engine::judge_counts`]); without an answer this gateway decides by its share.

mod charges;
mod compile;
mod cost;
mod counts;
mod gcra;
mod table;
mod tally;

use stockade_model::plan::{ApiPlan, LimitShare};
use stockade_model::{Framing, Reason, Request, Stage};

pub(crate) use charges::Charges;
pub use charges::Spent;
pub(crate) use counts::Counts;
pub(crate) use tally::Asked;
pub use tally::{Ask, Told};

use crate::stage::{Exchange, Outcome, Ran, Received, RequestStage};
use crate::{PlanError, State};
use compile::Limit;
use tally::Tally;

const REACHED: Reason = Reason {
    code: "limit.reached",
    status: 429,
    meaning: "the caller used more than a limit admits",
    remedy: "raise `rate` or `burst` of the limit, or count by another attribute",
    source: "OWASP API4:2023; RFC 6585 4",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&REACHED];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Limits {
    limits: Vec<Limit>,
}

impl Limits {
    /// Compiles the limits: those that are asked before the caller is known, and all others.
    ///
    /// # Errors
    /// A rate of nothing, an unknown attribute, a name that comes twice or does not fit into a field.
    pub(crate) fn new(plan: &ApiPlan) -> Result<(Self, Self), PlanError> {
        let mut limits: Vec<Limit> = Vec::with_capacity(plan.limits.len());
        for limit in &plan.limits {
            let setting = format!("apis.{}.limits.{}", plan.name, limit.name);
            let name_is_good = !limit.name.is_empty()
                && limit.name.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
            if !name_is_good || limits.iter().any(|known| known.name == limit.name) {
                return Err(PlanError::new(setting, "expected a name of its own, of ASCII without spaces and quotes"));
            }
            limits.push(Limit::new(limit, plan, &setting)?);
        }
        let (early, late) = limits.into_iter().partition(Limit::is_early);
        Ok((Self { limits: early }, Self { limits: late }))
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.limits.is_empty()
    }

    /// Whether a limit has to know the body of this request.
    pub(crate) fn wants_body(&self, operation: Option<usize>, request: &Request) -> bool {
        self.limits.iter().any(|limit| limit.needs_body() && limit.selects(operation, request))
    }

    /// Judges by the answers of the shared store; `None` when it gave none.
    pub(crate) fn counted(
        &self,
        exchange: &mut Exchange<'_>,
        state: &State,
        asked: Asked,
        told: Option<&[Told]>,
    ) -> Outcome {
        let mut tally = Tally::new(state, exchange);
        tally.receipts.extend(asked.receipts);
        // When one that must be admitted was not, the store charged nothing at all.
        tally.store_charged =
            told.is_some_and(|told| asked.asks.iter().zip(told).all(|(ask, told)| told.admitted || !ask.must));
        let mut told = told.map(|told| told.iter().copied());
        for part in asked.parts {
            let Some(limit) = self.limits.get(part.limit) else { continue };
            let told = told.as_mut().map(|told| told as &mut dyn Iterator<Item = Told>);
            tally.weigh(exchange, limit, part.key, part.units, told);
        }
        tally.end(exchange)
    }

    /// Asks the limits that `chosen` names.
    fn ask(
        &self,
        exchange: &mut Exchange<'_>,
        state: &State,
        body: Option<&Received<'_>>,
        chosen: impl Fn(&Limit) -> bool,
    ) -> Outcome {
        let mut tally = Tally::new(state, exchange);
        let mut asked = Asked::default();
        for (place, limit) in self.limits.iter().enumerate() {
            if !chosen(limit) || !limit.selects(exchange.record.operation, exchange.request) {
                continue;
            }
            let Some((key, units)) = tally.count(exchange, limit, body) else { continue };
            if limit.share == LimitShare::Exact && state.counts.is_up() {
                asked.add(place, limit, key, units);
                continue;
            }
            tally.weigh(exchange, limit, key, units, None);
            if tally.refused() {
                break;
            }
        }
        if !asked.asks.is_empty() && !tally.refused() {
            asked.receipts = tally.receipts.to_vec();
            exchange.facts.asked = Some(Box::new(asked));
        }
        tally.end(exchange)
    }
}

impl RequestStage for Limits {
    fn stage(&self) -> Stage {
        Stage::Limit
    }

    fn head(&self, exchange: &mut Exchange<'_>, state: &State) -> Outcome {
        if self.limits.is_empty() {
            return Ok(Ran::Skip);
        }
        let has_body = exchange.request.framing != Framing::None;
        self.ask(exchange, state, None, |limit| !(has_body && limit.needs_body()))
    }

    fn body(&self, exchange: &mut Exchange<'_>, received: &Received<'_>) -> Outcome {
        if exchange.request.framing == Framing::None || !self.limits.iter().any(Limit::needs_body) {
            return Ok(Ran::Skip);
        }
        self.ask(exchange, received.state, Some(received), Limit::needs_body)
    }
}
