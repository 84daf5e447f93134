//! Limits as they are run: what they count by, what they count, and their tiers.

use std::sync::Arc;

use aws_lc_rs::digest;
use stockade_model::plan::{ApiPlan, LimitAction, LimitCount, LimitPlan, LimitShare, LimitTierPlan, StatusRange};

use super::cost::Cost;
use super::gcra::Rate;
use crate::PlanError;
use crate::actor::Attribute;
use crate::glob::Reading;
use crate::operations::Selection;

/// Most tiers of one limit.
const MOST_TIERS: usize = 8;

/// One limit.
#[derive(Debug)]
pub(crate) struct Limit {
    pub(crate) name: String,
    pub(crate) by: Vec<Attribute>,
    /// As in the plan, for people.
    pub(crate) by_names: String,
    pub(crate) select: Option<Selection>,
    pub(crate) unit: Unit,
    pub(crate) share: LimitShare,
    pub(crate) tiers: Vec<Tier>,
    /// Hash of API, name and what is counted: counts survive a reload that leaves them as they are.
    pub(crate) prefix: [u8; 16],
}

/// What is counted.
#[derive(Debug)]
pub(crate) enum Unit {
    Requests,
    Running,
    Bytes { out: bool },
    Distinct { object: Vec<Attribute>, window_ns: u64 },
    Failures(Arc<[StatusRange]>),
    Cost(Cost),
}

/// One tier of a limit.
#[derive(Debug)]
pub(crate) struct Tier {
    pub(crate) name: String,
    pub(crate) most: Most,
    pub(crate) action: LimitAction,
    pub(crate) delay_ms: u32,
    /// This tier's item of `RateLimit-Policy`.
    pub(crate) policy: String,
}

/// How much a tier admits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Most {
    Rate(Rate),
    Running(u64),
}

impl Limit {
    /// Compiles a limit of `api`; `setting` names it in errors.
    ///
    /// # Errors
    /// What does not make sense, with its setting.
    pub(crate) fn new(plan: &LimitPlan, api: &ApiPlan, setting: &str) -> Result<Self, PlanError> {
        let unit = Unit::new(plan, api, setting)?;
        if plan.tiers.is_empty() || plan.tiers.len() > MOST_TIERS {
            let expected = format!("expected 1 to {MOST_TIERS} tiers, got {}", plan.tiers.len());
            return Err(PlanError::new(format!("{setting}.tiers"), expected));
        }
        let tiers = plan.tiers.iter().enumerate().map(|(place, tier)| Tier::new(tier, place, plan, setting));
        let tiers: Vec<Tier> = tiers.collect::<Result<_, _>>()?;
        let by = attributes(&plan.by, api, &format!("{setting}.by"))?;
        let select = plan
            .select
            .as_ref()
            .map(|selector| Selection::new(selector, &api.operations, Reading::Lenient, &format!("{setting}.select")));
        let identity = format!("{:?}", (&api.name, &plan.name, &plan.by, &plan.count, &plan.tiers));
        let mut prefix = [0; 16];
        let hash = digest::digest(&digest::SHA256, identity.as_bytes());
        prefix.copy_from_slice(hash.as_ref().get(..16).unwrap_or(&[0; 16]));
        let by_names = plan.by.join(", ");
        Ok(Self {
            name: plan.name.clone(),
            by,
            by_names,
            select: select.transpose()?,
            unit,
            share: plan.shared,
            tiers,
            prefix,
        })
    }

    /// Whether it has to know the body.
    pub(crate) fn needs_body(&self) -> bool {
        matches!(&self.unit, Unit::Cost(cost) if cost.needs_body())
    }

    /// Whether it is asked before the caller is known: so that credentials cannot be tried without end.
    pub(crate) fn is_early(&self) -> bool {
        matches!(self.unit, Unit::Failures(_))
            && self.share != LimitShare::Exact
            && self.by.iter().all(Attribute::is_known_early)
    }
}

impl Unit {
    fn new(plan: &LimitPlan, api: &ApiPlan, setting: &str) -> Result<Self, PlanError> {
        Ok(match &plan.count {
            LimitCount::Requests => Self::Requests,
            LimitCount::Concurrency => Self::Running,
            LimitCount::BytesIn => Self::Bytes { out: false },
            LimitCount::BytesOut => Self::Bytes { out: true },
            LimitCount::Distinct { object } => {
                let longest_ms = plan.tiers.iter().map(|tier| tier.period_ms).max().unwrap_or_default();
                let object = attributes(object, api, &format!("{setting}.object"))?;
                Self::Distinct { object, window_ns: longest_ms.saturating_mul(1_000_000) }
            }
            LimitCount::Failures { statuses } => {
                let sound = |range: &StatusRange| range.first <= range.last && (100..600).contains(&range.first);
                if statuses.is_empty() || !statuses.iter().all(sound) {
                    let expected = "expected statuses, each range with its first one first";
                    return Err(PlanError::new(format!("{setting}.statuses"), expected));
                }
                Self::Failures(statuses.as_slice().into())
            }
            LimitCount::Cost { base, points } => {
                let cost = Cost::new(*base, points);
                let cost = cost.map_err(|problem| PlanError::new(format!("{setting}.cost"), problem))?;
                if cost.needs_body() && plan.shared == LimitShare::Exact {
                    let expected =
                        "expected `approximate` or `local`: what stands in the body is known too late to ask";
                    return Err(PlanError::new(format!("{setting}.shared"), expected));
                }
                Self::Cost(cost)
            }
        })
    }
}

impl Tier {
    fn new(plan: &LimitTierPlan, place: usize, limit: &LimitPlan, setting: &str) -> Result<Self, PlanError> {
        let running = limit.count == LimitCount::Concurrency;
        for (name, value) in [("amount", plan.amount), ("burst", plan.burst)] {
            if value == 0 {
                return Err(PlanError::new(format!("{setting}.{name}"), "expected 1 or more, got 0"));
            }
        }
        if running != (plan.period_ms == 0) {
            let expected = if running { "expected no period for concurrency" } else { "expected 1 or more, got 0" };
            return Err(PlanError::new(format!("{setting}.period"), expected));
        }
        if (plan.action == LimitAction::SlowDown) != (plan.delay_ms > 0) {
            let expected = "expected a delay where the action is to slow down, and nowhere else";
            return Err(PlanError::new(format!("{setting}.delay"), expected));
        }
        let most = if running {
            Most::Running(plan.amount)
        } else {
            let rate = Rate::new(plan.amount, plan.period_ms, plan.burst);
            Most::Rate(rate.map_err(|problem| PlanError::new(format!("{setting}.period"), problem))?)
        };
        // The first one has the limit's own name; policies of one answer have different ones.
        let name = if place == 0 { limit.name.clone() } else { format!("{}.{}", limit.name, place + 1) };
        let policy = policy(&name, plan, limit);
        Ok(Self { name, most, action: plan.action, delay_ms: plan.delay_ms, policy })
    }
}

/// An item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
fn policy(name: &str, plan: &LimitTierPlan, limit: &LimitPlan) -> String {
    let mut policy = format!("\"{name}\";q={}", plan.amount);
    if plan.period_ms > 0 {
        policy.push_str(&format!(";w={}", plan.period_ms.div_ceil(1000)));
    }
    let unit = match &limit.count {
        LimitCount::BytesIn | LimitCount::BytesOut => "content-bytes",
        LimitCount::Concurrency => "concurrent-requests",
        _ => return policy,
    };
    policy.push_str(&format!(";qu=\"{unit}\""));
    policy
}

fn attributes(names: &[String], api: &ApiPlan, setting: &str) -> Result<Vec<Attribute>, PlanError> {
    if names.is_empty() {
        return Err(PlanError::new(setting, "expected at least one attribute"));
    }
    let attributes =
        names.iter().map(|name| Attribute::parse(name).map_err(|problem| PlanError::new(setting, problem)));
    let attributes: Vec<Attribute> = attributes.collect::<Result<_, _>>()?;
    for attribute in &attributes {
        let Attribute::Path(name) = attribute else { continue };
        if !api.operations.iter().any(|operation| operation.path.contains(&format!("{{{name}}}"))) {
            let problem = format!("expected a parameter of a path in the contract, got `{name}`");
            return Err(PlanError::new(setting, problem));
        }
    }
    Ok(attributes)
}
