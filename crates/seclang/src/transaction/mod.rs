//! One request and its response on their way through the five phases.
//!
//! `store` holds the values, `fill` and `fill_body` put them there, `run` asks the rules, `effects` carries out what a
//! match changes, and `lookup` fills texts in.

mod effects;
mod fill;
mod fill_body;
mod lookup;
mod run;
mod store;
mod time;

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use stockade_model::plan::{SecLangEngine, SecLangScope};

use crate::collections::Collection;
use crate::compile::{RuleSet, group_of};
use crate::exceptions::{Exceptions, Holding};
use crate::memory::{Memory, Place};
use crate::message::Message;
use crate::report::Match;
use store::{Item, Store};

/// Most matches that one transaction keeps.
const MOST_MATCHES: usize = 1000;
/// Most variables of `TX`.
const MOST_VARIABLES: usize = 20_000;

/// Who sends to whom, and when.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// The caller's address.
    pub client: String,
    /// The caller's port.
    pub client_port: u16,
    /// The address that was connected to.
    pub server: String,
    /// Its port.
    pub server_port: u16,
    /// Id of the exchange.
    pub id: String,
    /// The moment, microseconds since the epoch.
    pub now_us: u64,
}

/// A rule's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Status for the caller.
    pub status: u16,
    /// Where the caller is sent instead.
    pub location: Option<String>,
    /// Whether the connection is closed.
    pub drop: bool,
    /// `id` of the rule; 0 for a limit.
    pub rule: u64,
    /// What it says: `msg`, or the limit.
    pub message: String,
    /// `file:line`; empty for a limit.
    pub place: String,
    /// The variable that matched.
    pub variable: String,
}

/// A variable that matched and its value, as the operator saw it; kept in several places.
type Matched = Arc<(String, Vec<u8>)>;

/// A view that was built in this phase.
#[derive(Debug, Clone, Copy, Default)]
struct Built {
    generation: u32,
    start: u32,
    end: u32,
    union: u32,
}

/// One transaction.
#[derive(Debug)]
pub struct Transaction {
    rules: Arc<RuleSet>,
    memory: Arc<Memory>,
    circumstances: Circumstances,
    now_us: u64,
    engine: SecLangEngine,
    store: Store,
    built: Vec<Built>,
    generation: u32,
    items: Vec<Item>,
    tx: lookup::Variables,
    env: lookup::Variables,
    opened: SmallVec<[Place; 2]>,
    matched: Matched,
    matched_all: Vec<Matched>,
    highest_severity: u8,
    removed: Vec<u64>,
    /// Where the effects stand that took targets out: phase, rule, link, effect.
    removed_targets: Vec<(usize, usize, usize, usize)>,
    excepted: Holding,
    /// Values of the message that the rule which is run matched, by their variables.
    origins: Vec<Matched>,
    allowed: Option<(SecLangScope, usize)>,
    processor: Option<&'static str>,
    force_body: bool,
    request_body: bool,
    response_body: bool,
    request_limit: usize,
    response_limit: usize,
    matches: Vec<Match>,
    denial: Option<Denial>,
    sanitise: bool,
    finished: bool,
    current: lookup::CurrentRule,
    watch: Watch,
}

/// Somebody who is told of each rule once it was run.
#[derive(Default)]
struct Watch(Option<Box<dyn FnMut(u64)>>);

impl fmt::Debug for Watch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Watch").field(&self.0.is_some()).finish()
    }
}

impl Transaction {
    /// A transaction that has seen nothing yet.
    #[must_use]
    pub fn new(rules: Arc<RuleSet>, memory: Arc<Memory>, circumstances: Circumstances) -> Self {
        let settings = &rules.settings;
        Self {
            now_us: circumstances.now_us,
            engine: settings.engine,
            request_body: settings.request_body,
            response_body: settings.response_body,
            request_limit: settings.request_body_limit,
            response_limit: settings.response_body_limit,
            built: vec![Built::default(); rules.views.len()],
            removed: vec![0; (rules.count as usize).div_ceil(64)],
            rules,
            memory,
            circumstances,
            store: Store::default(),
            generation: 0,
            items: Vec::with_capacity(1024),
            tx: lookup::Variables::default(),
            env: lookup::Variables::default(),
            opened: SmallVec::new(),
            matched: Matched::default(),
            matched_all: Vec::new(),
            highest_severity: 255,
            removed_targets: Vec::new(),
            excepted: Holding::default(),
            origins: Vec::new(),
            allowed: None,
            processor: None,
            force_body: false,
            matches: Vec::new(),
            denial: None,
            sanitise: false,
            finished: false,
            current: lookup::CurrentRule::default(),
            watch: Watch::default(),
        }
    }

    /// Lets pass what exceptions say about requests of `operation`.
    pub fn except(&mut self, exceptions: &Arc<Exceptions>, operation: Option<&str>) {
        self.excepted = exceptions.holding(operation, self.now_us);
    }

    /// Tells `watch` the id of each rule once it was run, so that a caller with a clock can measure rules.
    pub fn watch(&mut self, watch: Box<dyn FnMut(u64)>) {
        self.watch = Watch(Some(watch));
    }

    /// Phase 1: the head of the request.
    pub fn request_head(&mut self, message: &Message<'_>) {
        self.fill_head(message);
        self.run_phase(0);
    }

    /// Phase 2: its body, as far as it was read; empty when there is none.
    pub fn request_body(&mut self, body: &[u8], complete: bool) {
        if self.engine != SecLangEngine::Off {
            self.fill_request_body(body, complete);
        }
        self.run_phase(1);
    }

    /// Phase 3: the head of the answer.
    pub fn response_head<'h>(
        &mut self,
        status: u16,
        fields: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        content_length: Option<u64>,
        now_us: u64,
    ) {
        self.now_us = now_us;
        self.fill_response_head(status, fields, content_length);
        self.run_phase(2);
    }

    /// Phase 4: its body, when it was read.
    pub fn response_body(&mut self, body: Option<&[u8]>) {
        let body = body.filter(|_| self.response_body);
        if let Some(body) = body {
            let cut = body.get(..self.response_limit).unwrap_or(body);
            self.store.set(Collection::ResponseBody, cut);
            let over = cut.len() < body.len();
            self.store.set(Collection::OutboundDataError, if over { "1" } else { "0" });
            if over && self.rules.settings.response_body_refuse {
                let limit = self.response_limit;
                self.deny_for_limit(500, format!("the answer has more than {limit} bytes (SecResponseBodyLimit)"));
            }
        }
        self.run_phase(3);
    }

    /// Phase 5: everything is over; nothing can be refused any more. Runs once, however often it is called.
    pub fn finish(&mut self) {
        if !std::mem::replace(&mut self.finished, true) {
            self.run_phase(4);
        }
    }

    /// The refusal, when a rule refused and rules may refuse.
    #[must_use]
    pub const fn denial(&self) -> Option<&Denial> {
        self.denial.as_ref()
    }

    /// Takes what matched since it was last asked.
    pub fn take_matches(&mut self) -> Vec<Match> {
        std::mem::take(&mut self.matches)
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Arc<RuleSet> {
        &self.rules
    }

    /// Who sends to whom.
    #[must_use]
    pub const fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    fn deny_for_limit(&mut self, status: u16, message: String) {
        if self.engine == SecLangEngine::On && self.denial.is_none() {
            self.denial = Some(Denial {
                status,
                location: None,
                drop: false,
                rule: 0,
                message,
                place: String::new(),
                variable: String::new(),
            });
        }
    }

    /// Words of bits of a phase's group.
    fn words(&self, phase: usize) -> usize {
        self.rules.prefilters.get(group_of(phase)).map_or(0, crate::compile::prefilter::Prefilter::words)
    }
}

#[cfg(test)]
mod tests;
