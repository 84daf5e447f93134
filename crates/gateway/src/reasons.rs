//! Every reason for which the gateway itself refuses or fails an exchange.

use stockade_model::Reason;

use crate::{normalise, upstream};

/// All of them; for the generated reference.
#[must_use]
pub fn reasons() -> Vec<&'static Reason> {
    [normalise::reasons::REASONS, upstream::reason::REASONS].concat()
}
