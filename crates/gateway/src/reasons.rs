//! Every reason for which the gateway itself refuses or fails an exchange.

use stockade_model::Reason;

use crate::{exchange, http1, http2, normalise, upstream, websocket};

/// All of them; for the generated reference.
#[must_use]
pub fn reasons() -> Vec<&'static Reason> {
    [
        http1::reasons::REASONS,
        http2::reasons::REASONS,
        normalise::reasons::REASONS,
        exchange::reasons::REASONS,
        upstream::reason::REASONS,
        websocket::reasons::REASONS,
    ]
    .concat()
}
