//! What the engine remembers between requests: limits, verified tokens, decisions. Outlives every bundle.

use std::sync::Arc;

use arc_swap::ArcSwap;
use stockade_model::{Decision, Now};

use crate::stages::decisions::Index;
use crate::stages::identity::Tokens;
use crate::stages::limit::Rates;

/// Shared by all workers; every method takes `&self`. Memory is bounded whatever callers send.
#[derive(Debug, Default)]
pub struct State {
    pub(crate) decisions: ArcSwap<Index>,
    pub(crate) tokens: Tokens,
    pub(crate) rates: Rates,
    /// Collections of SecLang rules.
    pub(crate) rules: Arc<stockade_seclang::Memory>,
}

impl State {
    /// An empty state.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces all decisions. Returns how many are active at `now`; those already expired are dropped, and so are those
    /// that [`crate::check_decision`] refuses.
    pub fn set_decisions(&self, decisions: Vec<Decision>, now: Now) -> usize {
        let (index, active) = Index::new(decisions, now.wall.0);
        self.decisions.store(Arc::new(index));
        active
    }
}
