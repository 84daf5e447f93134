//! One request before its limits: what each said, and what follows from all.

use std::fmt::Write as _;

use aws_lc_rs::digest;
use smallvec::SmallVec;
use stockade_model::plan::{LimitAction, LimitShare};
use stockade_model::{Mode, Refusal, Request, Stage};

use super::REACHED;
use super::charges::Held;
use super::compile::{Limit, Most, Tier, Unit};
use super::counts::{Counter, Counts, Receipt};
use super::gcra::{Answer, Rate};
use super::table::Key;
use crate::State;
use crate::actor::{self, Attribute};
use crate::stage::{Exchange, Outcome, Ran, Received};

/// Tells the tiers of a limit apart in keys; odd, so that no two of them meet.
const TIER: Key = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// One count that the shared store has to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The count, the same on every gateway.
    pub key: u128,
    /// What is charged, nanoseconds at the rate; 0 asks only.
    pub cost_ns: u64,
    /// The debt up to which it is charged, nanoseconds.
    pub room_ns: u64,
    /// Whether nothing at all is charged when this one is not admitted.
    pub must: bool,
}

/// What the shared store answered to an [`Ask`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Whether the debt stays within the room.
    pub admitted: bool,
    /// The debt now, nanoseconds.
    pub ahead_ns: u64,
}

/// What of a request waits for the shared store.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The questions, in the order in which the answers are wanted.
    pub(crate) asks: Vec<Ask>,
    pub(crate) parts: Vec<Part>,
    /// What other limits have charged, to be given back when one of these refuses.
    pub(crate) receipts: Vec<Receipt>,
}

/// One limit that waits.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) limit: usize,
    pub(crate) key: Key,
    pub(crate) units: u64,
}

impl Asked {
    pub(crate) fn add(&mut self, limit_place: usize, limit: &Limit, key: Key, units: u64) {
        for (place, tier) in limit.tiers.iter().enumerate() {
            let Most::Rate(rate) = tier.most else { continue };
            let Demand { cost_ns, room_ns } = demand(limit, tier, &rate, units, 1);
            let must = tier.action == LimitAction::Refuse;
            self.asks.push(Ask { key: tier_key(key, place), cost_ns, room_ns, must });
        }
        self.parts.push(Part { limit: limit_place, key, units });
    }
}

/// What is asked of one count.
struct Demand {
    cost_ns: u64,
    /// With the delay that is allowed on top.
    room_ns: u64,
}

/// `share` is the number of gateways that a limit is divided by: each unit weighs so much more.
fn demand(limit: &Limit, tier: &Tier, rate: &Rate, units: u64, share: u64) -> Demand {
    let one_ns = rate.cost_ns(1).saturating_mul(share);
    let room_ns = rate.room_ns().max(one_ns).saturating_add(delay_ns(tier));
    match limit.unit {
        // Charged at the end; now it is asked only whether there is room for one more.
        Unit::Bytes { .. } => Demand { cost_ns: 0, room_ns: room_ns.saturating_sub(one_ns) },
        _ => Demand { cost_ns: rate.cost_ns(units).saturating_mul(share), room_ns },
    }
}

fn delay_ns(tier: &Tier) -> u64 {
    u64::from(tier.delay_ms).saturating_mul(1_000_000)
}

fn tier_key(key: Key, place: usize) -> Key {
    key.wrapping_add(TIER.wrapping_mul(place as Key))
}

impl Limit {
    /// Whether it is about this request.
    pub(crate) fn selects(&self, operation: Option<usize>, request: &Request) -> bool {
        self.select.as_ref().is_none_or(|select| select.selects(operation, request))
    }
}

/// What limits said about one request so far.
pub(crate) struct Tally<'s> {
    counts: &'s Counts,
    now_ns: u64,
    pub(crate) receipts: SmallVec<[Receipt; 4]>,
    held: SmallVec<[Held; 1]>,
    /// Objects that count as touched when the request passes, and until when.
    touched: SmallVec<[(Key, u64); 1]>,
    policies: String,
    levels: String,
    logged: Vec<Refusal>,
    wait_ms: u32,
    refusal: Option<Box<Refusal>>,
    counted: u32,
    announces: bool,
    /// Whether what the store admitted was also charged.
    pub(crate) store_charged: bool,
}

impl<'s> Tally<'s> {
    pub(crate) fn new(state: &'s State, exchange: &Exchange<'_>) -> Self {
        Self {
            counts: &state.counts,
            now_ns: exchange.now.monotonic_us.saturating_mul(1000),
            receipts: SmallVec::new(),
            held: SmallVec::new(),
            touched: SmallVec::new(),
            policies: String::new(),
            levels: String::new(),
            logged: Vec::new(),
            wait_ms: 0,
            refusal: None,
            counted: 0,
            // In monitor mode a response is never changed, so nothing is announced either.
            announces: exchange.mode() == Mode::Enforce,
            store_charged: true,
        }
    }

    pub(crate) const fn refused(&self) -> bool {
        self.refusal.is_some()
    }

    /// The count that a request belongs to and what it would charge; `None` when it lacks an attribute, or when it would
    /// charge nothing.
    pub(crate) fn count(
        &mut self,
        exchange: &Exchange<'_>,
        limit: &Limit,
        body: Option<&Received<'_>>,
    ) -> Option<(Key, u64)> {
        let mut text = actor::Key::new();
        text.extend_from_slice(&limit.prefix);
        write(exchange, &limit.by, &mut text)?;
        let key = self.key(limit, &text);
        let units = match &limit.unit {
            Unit::Cost(cost) => cost.points(exchange.request, body, exchange.facts.graphql_cost),
            Unit::Distinct { object, window_ns } => {
                text.push(b'o');
                write(exchange, object, &mut text)?;
                let object = self.counts.own_key(&text);
                if self.counts.is_touched(object, self.now_ns) {
                    return None;
                }
                self.touched.push((object, self.now_ns.saturating_add(*window_ns)));
                1
            }
            _ => 1,
        };
        (units > 0).then_some((key, units))
    }

    fn key(&self, limit: &Limit, text: &[u8]) -> Key {
        if limit.share == LimitShare::Local || self.counts.gateways() == 0 {
            return self.counts.own_key(text);
        }
        let hash = digest::digest(&digest::SHA256, text);
        hash.as_ref().first_chunk().map_or_else(|| self.counts.own_key(text), |half| Key::from_be_bytes(*half))
    }

    /// Asks every tier of a limit; `told` has the answers of the shared store, when it decides.
    pub(crate) fn weigh(
        &mut self,
        exchange: &Exchange<'_>,
        limit: &Limit,
        key: Key,
        units: u64,
        mut told: Option<&mut dyn Iterator<Item = Told>>,
    ) {
        self.counted += 1;
        for (place, tier) in limit.tiers.iter().enumerate() {
            let key = tier_key(key, place);
            match tier.most {
                Most::Running(most) => self.run(exchange, limit, tier, key, most),
                Most::Rate(rate) => match told.as_mut().and_then(|told| told.next()) {
                    Some(Told { admitted, ahead_ns }) => {
                        let demand = demand(limit, tier, &rate, units, 1);
                        let answer = Answer { admitted, ahead_ns };
                        self.answered(exchange, limit, tier, &rate, key, &demand, answer, Counter::Store);
                    }
                    None => {
                        let (counter, share) = self.counter(limit);
                        let demand = demand(limit, tier, &rate, units, share);
                        let answer = self.counts.charge(key, demand.cost_ns, demand.room_ns, counter, self.now_ns);
                        self.answered(exchange, limit, tier, &rate, key, &demand, answer, counter);
                    }
                },
            }
            if self.refused() {
                return;
            }
        }
    }

    /// Who keeps a count that is decided here, and by how many gateways it is divided.
    fn counter(&self, limit: &Limit) -> (Counter, u64) {
        let gateways = self.counts.gateways();
        match limit.share {
            LimitShare::Local => (Counter::Own, 1),
            _ if gateways == 0 => (Counter::Own, 1),
            LimitShare::Approximate if self.counts.is_up() => (Counter::Told, 1),
            // Without the store, each gateway gives its share.
            LimitShare::Approximate | LimitShare::Exact => (Counter::Own, gateways),
        }
    }

    fn run(&mut self, exchange: &Exchange<'_>, limit: &Limit, tier: &Tier, key: Key, most: u64) {
        // What runs is never told to others: each gateway has its share of a shared limit.
        let most = match (limit.share, self.counts.gateways()) {
            (LimitShare::Local, _) | (_, 0) => most,
            (_, gateways) => (most / gateways).max(1),
        };
        match self.counts.run(key, most) {
            Ok(slot) => {
                if tier.action == LimitAction::Refuse {
                    self.announce(tier, most.saturating_sub(slot.count), None);
                }
                self.held.push(Held::Running(slot));
            }
            Err(running) => {
                let detail =
                    format!("expected at most {most} at once for each {}, {running} are running", limit.by_names);
                self.exceeded(exchange, limit, tier, detail, Some(1_000_000_000));
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of one answer and what was asked for")]
    fn answered(
        &mut self,
        exchange: &Exchange<'_>,
        limit: &Limit,
        tier: &Tier,
        rate: &Rate,
        key: Key,
        demand: &Demand,
        answer: Answer,
        counter: Counter,
    ) {
        let Demand { cost_ns, room_ns } = *demand;
        if !answer.admitted {
            let most_ns = if cost_ns > 0 { room_ns } else { rate.room_ns() };
            let never = cost_ns > most_ns;
            let wait_ns = answer.ahead_ns.saturating_add(cost_ns).saturating_sub(room_ns);
            let told = if never {
                "this one asks for more than may come at once".to_owned()
            } else {
                format!("the next is admitted in {} ms", wait_ns.div_ceil(1_000_000))
            };
            let detail = format!("expected at most {} for each {}; {told}", tier.policy, limit.by_names);
            self.exceeded(exchange, limit, tier, detail, (!never).then_some(wait_ns));
            return;
        }
        if counter == Counter::Store && !self.store_charged {
            return;
        }
        let receipt = Receipt { key, cost_ns, after_ns: self.now_ns.saturating_add(answer.ahead_ns), counter };
        match &limit.unit {
            Unit::Bytes { out } => self.held.push(Held::Bytes { key, rate: *rate, out: *out, counter }),
            Unit::Failures(statuses) => self.held.push(Held::Reserved { receipt, statuses: statuses.clone() }),
            _ if cost_ns > 0 => self.receipts.push(receipt),
            _ => {}
        }
        match tier.action {
            LimitAction::SlowDown => {
                let over_ns = answer.ahead_ns.saturating_sub(room_ns.saturating_sub(delay_ns(tier)));
                self.slow(u32::try_from(over_ns.div_ceil(1_000_000)).unwrap_or(u32::MAX).min(tier.delay_ms));
            }
            // How many failures are left is told to nobody.
            LimitAction::Refuse if !matches!(limit.unit, Unit::Failures(_)) => {
                self.announce(tier, rate.left(answer.ahead_ns), Some(answer.ahead_ns));
            }
            LimitAction::Refuse | LimitAction::Log => {}
        }
    }

    fn exceeded(&mut self, exchange: &Exchange<'_>, limit: &Limit, tier: &Tier, detail: String, wait_ns: Option<u64>) {
        if tier.action == LimitAction::SlowDown {
            self.slow(tier.delay_ms);
            return;
        }
        let setting = exchange.setting(&format!("limits.{}", limit.name));
        let mut refusal = Refusal::new(Stage::Limit, &REACHED, setting.clone(), detail);
        refusal.retry_after_s = wait_ns.map(|wait_ns| seconds(wait_ns).max(1));
        refusal.exception = Some(format!("raise `rate` or `burst` of `{setting}`"));
        if tier.action == LimitAction::Log {
            self.logged.push(refusal);
            return;
        }
        self.announce(tier, 0, wait_ns);
        self.refusal = Some(Box::new(refusal));
    }

    fn slow(&mut self, wait_ms: u32) {
        self.wait_ms = self.wait_ms.max(wait_ms);
    }

    /// Items of `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    fn announce(&mut self, tier: &Tier, left: u64, full_ns: Option<u64>) {
        if !self.announces {
            return;
        }
        add_item(&mut self.policies, &tier.policy);
        add_item(&mut self.levels, "");
        let _ = write!(self.levels, "\"{}\";r={left}", tier.name);
        if let Some(full_ns) = full_ns {
            let _ = write!(self.levels, ";t={}", seconds(full_ns));
        }
    }

    /// What follows for the request.
    pub(crate) fn end(self, exchange: &mut Exchange<'_>) -> Outcome {
        let Self {
            counts, now_ns, receipts, held, touched, policies, levels, logged, wait_ms, refusal, counted, ..
        } = self;
        if !policies.is_empty() {
            add_field(exchange, "ratelimit-policy", policies);
            add_field(exchange, "ratelimit", levels);
        }
        for refusal in logged {
            exchange.record_only(refusal);
        }
        if let Some(refusal) = refusal {
            // What earlier questions of this exchange hold stays until it ends, as any other ending would have it.
            let reserved = held.iter().filter_map(|held| match held {
                Held::Reserved { receipt, .. } => Some(receipt),
                _ => None,
            });
            for receipt in receipts.iter().chain(reserved) {
                counts.give_back(receipt, now_ns);
            }
            return Err(refusal);
        }
        for (object, until_ns) in touched {
            counts.touch(object, until_ns, now_ns);
        }
        for held in held {
            exchange.record.charges.hold(held);
        }
        if wait_ms > 0 {
            if exchange.mode() == Mode::Enforce {
                exchange.record.wait_ms = exchange.record.wait_ms.max(wait_ms);
            }
            exchange.pending.0 = format!("waits {wait_ms} ms above a limit");
            return Ok(Ran::Slow);
        }
        exchange.explain(|_| format!("{counted} limits counted the request"));
        Ok(if counted == 0 { Ran::Skip } else { Ran::Pass })
    }
}

/// Appends the values of all attributes; `None` when one is lacking.
fn write(exchange: &Exchange<'_>, attributes: &[Attribute], text: &mut actor::Key) -> Option<()> {
    let view = exchange.view();
    attributes.iter().all(|attribute| view.write(attribute, text)).then_some(())
}

/// Adds to a field of the response: several stages may have items of one list.
fn add_field(exchange: &mut Exchange<'_>, name: &'static str, items: String) {
    let fields = &mut exchange.record.response_headers;
    match fields.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => add_item(known, &items),
        None => fields.push((name, items)),
    }
}

/// Begins the next item of a list (RFC 9651 3.1).
fn add_item(list: &mut String, item: &str) {
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(item);
}

fn seconds(ns: u64) -> u32 {
    u32::try_from(ns.div_ceil(1_000_000_000)).unwrap_or(u32::MAX)
}
