//! What the engine remembers between requests: limits, verified tokens, decisions, what parameters hold. Outlives every bundle.

use std::sync::Arc;

use arc_swap::ArcSwap;
use stockade_model::{Decision, Now, Stage};

use crate::Record;
use crate::stages::access::owners::Owners;
use crate::stages::contract::Differences;
use crate::stages::decisions::Index;
use crate::stages::identity::{Passwords, Replays, Tokens};
use crate::stages::inspect::profiles::Profiles;
use crate::stages::limit::{Counts, Spent};
use crate::stopwatch::{ReadClock, StageTimes};

/// Shared by all workers; every method takes `&self`. Memory is bounded whatever callers send.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) decisions: ArcSwap<Index>,
    pub(crate) tokens: Tokens,
    pub(crate) passwords: Passwords,
    pub(crate) replays: Replays,
    pub(crate) counts: Counts,
    /// Differences of responses from the contract that were reported.
    pub(crate) differences: Differences,
    /// What parameters normally hold.
    pub(crate) profiles: Profiles,
    /// Whose objects are.
    pub(crate) owners: Owners,
    /// Collections of SecLang rules.
    pub(crate) rules: Arc<stockade_seclang::Memory>,
    pub(crate) times: StageTimes,
}

impl State {
    /// An empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty state that measures stages with this clock.
    #[must_use]
    pub fn timed(clock: ReadClock) -> Self {
        Self { times: StageTimes::new(clock), ..Self::default() }
    }

    /// How many exchanges were measured, which is one in [`crate::MEASURED_EACH`], and how long each stage took of them
    /// in all, nanoseconds.
    #[must_use]
    pub fn stage_times(&self) -> (u64, Vec<(Stage, u64)>) {
        self.times.read()
    }

    /// Replaces all decisions. Returns how many are active at `now`; those already expired are dropped, and so are those
    /// that [`crate::check_decision`] refuses.
    pub fn set_decisions(&self, decisions: Vec<Decision>, now: Now) -> usize {
        let (index, active) = Index::new(decisions, now.wall.0);
        self.decisions.store(Arc::new(index));
        active
    }

    /// Ends an exchange for its limits: charges what is known only now, gives back what was held for it. To be called
    /// once, whatever way the exchange ended.
    pub fn settle(&self, record: &mut Record, spent: &Spent, now: Now) {
        record.charges.settle(&self.counts, spent, now.monotonic_us.saturating_mul(1000));
    }

    /// Tells how many gateways count together, this one included, and whether the shared store can be asked. 0 gateways
    /// stand for no store at all; while a store is down, each gateway admits its share.
    pub fn set_sharing(&self, gateways: u32, up: bool) {
        self.counts.set_sharing(gateways, up);
    }

    /// Takes what was charged since the last call, for the shared store: each count with its nanoseconds, which are 0
    /// when only the level of all gateways is wanted and less than 0 for what was given back. Bounded.
    pub fn take_charges(&self) -> Vec<(u128, i64)> {
        self.counts.take_pending()
    }

    /// Takes over the debt that all gateways together have on a count, in nanoseconds.
    pub fn set_level(&self, key: u128, ahead_ns: u64, now: Now) {
        self.counts.set_level(key, ahead_ns, now.monotonic_us.saturating_mul(1000));
    }
}
