//! Why an exchange failed that no stage refused.

use stockade_model::Reason;

/// The client went away.
pub(crate) const CLIENT_GONE: Reason = Reason {
    code: "exchange.client_gone",
    status: 499,
    meaning: "the client went away, or read nothing for `gateway.timeouts.write_stall`, before its answer was whole",
    remedy: "look at the client; nothing was wrong with the request",
    source: "",
};

/// A panic outside the stages.
pub(crate) const PANIC: Reason = Reason {
    code: "exchange.panic",
    status: 500,
    meaning: "judging this request ended in a fault of Stockade's own; only this request was lost",
    remedy: "report it with the event",
    source: "",
};

/// A limit slows an exchange down and there is no room to wait.
pub(crate) const TOO_MANY_WAIT: Reason = Reason {
    code: "limit.too_many_wait",
    status: 429,
    meaning: "a limit slows the caller down, and as many exchanges wait already as may",
    remedy: "raise `gateway.limits.waiting`, or refuse earlier with a further tier of the limit",
    source: "RFC 6585 4",
};

/// All reasons of this part.
pub(crate) const REASONS: &[&Reason] = &[&CLIENT_GONE, &PANIC, &TOO_MANY_WAIT];
