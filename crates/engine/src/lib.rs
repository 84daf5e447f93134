//! From request to verdict: a pure function of bundle, state, request and now. No I/O, no clock, no randomness.
//!
//! `pipeline.rs` holds the ordered list of stages; each stage is one file under `stages/`. Reading order: `exchange.rs`
//! (the steps of one exchange as types), `stage.rs` (what a stage is), `pipeline.rs`, then the stages.

mod actor;
mod answer;
mod bodies;
mod bounded;
mod compile;
mod confined;
mod departure;
pub mod exchange;
mod field_path;
mod fields;
mod glob;
mod json_text;
mod operations;
pub mod pipeline;
mod stage;
mod stages;
pub mod state;
mod stopwatch;
mod templates;

use stockade_model::Reason;

pub use actor::actor;
pub use compile::PlanError;
pub use exchange::{Admitted, Body, BodyPolicy, Cleared, Record, Refused};
pub use pipeline::Engine;
pub use stages::decisions::check_decision;
pub use stages::identity::{LookUp, LookedUp, Wanted, is_password};
pub use stages::limit::{Ask, Spent, Told};
pub use state::State;
pub use stockade_inspect::leak::Watch;
pub use stopwatch::{MEASURED_EACH, ReadClock};

/// Takes trailers out that repeat a header in which the upstream is told who is calling (see [`Cleared::handed_on`]).
pub fn take_out_handed_on(trailers: &mut stockade_model::Headers, names: &[String]) {
    trailers.retain(|name, _| !stages::identity::is_one_of(names, name));
}

/// Every reason for which the engine refuses, in the order of the stages; for the generated reference.
#[must_use]
pub fn reasons() -> Vec<&'static Reason> {
    [
        stage::REASONS,
        stages::decisions::REASONS,
        stages::route::REASONS,
        stages::identity::REASONS,
        stages::contract::REASONS,
        stages::access::REASONS,
        stages::seclang::REASONS,
        stages::inspect::REASONS,
        stages::limit::REASONS,
        stages::protect::REASONS,
        stages::response::REASONS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_reason_has_its_own_code_and_explains_itself() {
        let mut seen = HashSet::new();
        for reason in super::reasons() {
            assert!(seen.insert(reason.code), "{} is declared twice", reason.code);
            assert!(reason.code.contains('.') && reason.code == reason.code.to_ascii_lowercase());
            assert!((400..600).contains(&reason.status), "{}", reason.code);
            assert!(!reason.meaning.is_empty() && !reason.meaning.ends_with('.'), "{}", reason.code);
            assert!(!reason.remedy.is_empty() && !reason.remedy.ends_with('.'), "{}", reason.code);
        }
    }
}
