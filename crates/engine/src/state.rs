//! What the engine remembers between requests: limits, verified tokens, decisions. Outlives every bundle.

use stockade_model::{Decision, Now};

/// Shared by all workers; every method takes `&self`.
#[derive(Debug, Default)]
pub struct State {}

impl State {
    /// An empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces all decisions. Returns how many are active at `now`; those already expired are dropped.
    pub fn set_decisions(&self, decisions: Vec<Decision>, now: Now) -> usize {
        let _ = (decisions, now);
        0
    }
}
