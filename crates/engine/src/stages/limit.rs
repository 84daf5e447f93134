//! Stage limit: rates for any actor attribute, by GCRA. After inspect, last before the upstream.
//!
//! Last, so that only requests that would otherwise pass are counted; a request refused before costs its sender nothing
//! but is recorded. Limits are asked in the order of the plan, and one that refuses does not give back what those
//! before it counted.

mod gcra;

use std::fmt::Write as _;

use aws_lc_rs::digest;
use stockade_model::plan::{ApiPlan, LimitAction, LimitPlan};
use stockade_model::{Mode, Reason, Refusal, Stage};

pub(crate) use gcra::Rates;

use crate::actor::{Attribute, Key, View};
use crate::glob::Reading;
use crate::operations::Selection;
use crate::stage::{Exchange, Outcome, Ran, RequestStage};
use crate::{PlanError, State};
use gcra::{Answer, Rate};

const REACHED: Reason = Reason {
    code: "limit.reached",
    status: 429,
    meaning: "the caller sent more requests than a limit admits",
    remedy: "raise `requests` or `burst` of the limit, or count by another attribute",
    source: "OWASP API4:2023; RFC 6585 4",
};

/// Reasons of this stage.
pub(crate) const REASONS: &[&Reason] = &[&REACHED];

/// The stage for one API.
#[derive(Debug)]
pub(crate) struct Limits {
    limits: Vec<Limit>,
}

#[derive(Debug)]
struct Limit {
    name: String,
    by: Vec<Attribute>,
    select: Option<Selection>,
    rate: Rate,
    action: LimitAction,
    /// Hash of API, name and parameters: counts survive a reload that leaves them as they are.
    prefix: [u8; 16],
    /// This limit's item of `RateLimit-Policy`.
    policy: String,
}

impl Limits {
    /// Compiles the limits.
    ///
    /// # Errors
    /// A rate of nothing, an unknown attribute, a name that comes twice or does not fit into a field.
    pub(crate) fn new(plan: &ApiPlan) -> Result<Self, PlanError> {
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
        Ok(Self { limits })
    }
}

impl Limit {
    fn new(plan: &LimitPlan, api: &ApiPlan, setting: &str) -> Result<Self, PlanError> {
        let positive =
            [("requests", u64::from(plan.requests)), ("period", plan.period_ms), ("burst", u64::from(plan.burst))];
        for (name, value) in positive {
            if value == 0 {
                return Err(PlanError::new(format!("{setting}.{name}"), "expected 1 or more, got 0"));
            }
        }
        let by = plan
            .by
            .iter()
            .map(|name| Attribute::parse(name).map_err(|problem| PlanError::new(format!("{setting}.by"), problem)));
        let by: Vec<Attribute> = by.collect::<Result<_, _>>()?;
        if by.is_empty() {
            return Err(PlanError::new(format!("{setting}.by"), "expected at least one attribute"));
        }
        let rate = Rate::new(plan.requests, plan.period_ms, plan.burst)
            .map_err(|problem| PlanError::new(format!("{setting}.period"), problem))?;
        let select = plan
            .select
            .as_ref()
            .map(|selector| Selection::new(selector, &api.operations, Reading::Lenient, &format!("{setting}.select")));
        let identity = format!("{:?}", (&api.name, &plan.name, &plan.by, plan.requests, plan.period_ms, plan.burst));
        let mut prefix = [0; 16];
        let hash = digest::digest(&digest::SHA256, identity.as_bytes());
        prefix.copy_from_slice(hash.as_ref().get(..16).unwrap_or(&[0; 16]));
        Ok(Self {
            name: plan.name.clone(),
            by,
            select: select.transpose()?,
            rate,
            action: plan.action,
            prefix,
            policy: format!("\"{}\";q={};w={}", plan.name, plan.requests, plan.period_ms.div_ceil(1000)),
        })
    }

    /// The key of this request's count; `None` when the limit is not about it or an attribute is lacking.
    fn key(&self, view: &View<'_>, operation: Option<usize>) -> Option<Key> {
        if self.select.as_ref().is_some_and(|select| !select.selects(operation, view.request)) {
            return None;
        }
        let mut key = Key::new();
        key.extend_from_slice(&self.prefix);
        self.by.iter().all(|attribute| view.write(attribute, &mut key)).then_some(key)
    }

    fn refusal(&self, exchange: &Exchange<'_>, wait_us: u64) -> Refusal {
        let names: Vec<String> = self.by.iter().map(|attribute| format!("{attribute:?}").to_lowercase()).collect();
        let setting = exchange.setting(&format!("limits.{}", self.name));
        let detail = format!(
            "expected at most {} for each {}, the next is admitted in {} ms",
            self.policy,
            names.join(", "),
            wait_us.div_ceil(1000)
        );
        let mut refusal = Refusal::new(Stage::Limit, &REACHED, setting.clone(), detail);
        refusal.retry_after_s = Some(seconds(wait_us).max(1));
        refusal.exception = Some(format!("raise `{setting}.requests` or `{setting}.burst`"));
        refusal
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
        let mut policies = String::new();
        let mut levels = String::new();
        let mut refused: Option<Refusal> = None;
        let mut logged: Vec<Refusal> = Vec::new();
        let mut counted = 0_u32;
        for limit in &self.limits {
            let view = View {
                request: exchange.request,
                identity: exchange.record.identity.as_deref(),
                session: exchange.record.session.as_deref(),
                api: exchange.api.map(|api| api.name.as_str()),
                operation: exchange.operation_id(),
            };
            let Some(key) = limit.key(&view, exchange.record.operation) else { continue };
            let answer = state.rates.ask(&key, limit.rate, exchange.now.monotonic_us);
            counted += 1;
            let (left, full_us) = match answer {
                Answer::Admitted { left, full_us } => (left, full_us),
                Answer::Refused { wait_us } if limit.action == LimitAction::Log => {
                    logged.push(limit.refusal(exchange, wait_us));
                    continue;
                }
                Answer::Refused { wait_us } => {
                    refused = Some(limit.refusal(exchange, wait_us));
                    (0, wait_us)
                }
            };
            if limit.action == LimitAction::Refuse {
                add_item(&mut policies, &limit.policy);
                add_item(&mut levels, "");
                let _ = write!(levels, "\"{}\";r={left};t={}", limit.name, seconds(full_us));
            }
            if refused.is_some() {
                break;
            }
        }
        // In monitor mode a response is never changed, so nothing is announced either.
        if !policies.is_empty() && exchange.mode() == Mode::Enforce {
            exchange.record.response_headers.push(("ratelimit-policy", policies));
            exchange.record.response_headers.push(("ratelimit", levels));
        }
        for refusal in logged {
            exchange.record_only(refusal);
        }
        if let Some(refusal) = refused {
            return Err(Box::new(refusal));
        }
        exchange.explain(|_| format!("{counted} limits counted the request"));
        Ok(if counted == 0 { Ran::Skip } else { Ran::Pass })
    }
}

/// Begins the next item of a list (RFC 9651 3.1).
fn add_item(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

fn seconds(us: u64) -> u32 {
    u32::try_from(us.div_ceil(1_000_000)).unwrap_or(u32::MAX)
}
