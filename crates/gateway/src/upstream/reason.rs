//! Why an exchange with the upstream fails.

use stockade_model::Reason;

/// Every reason of this folder, for the reference page.
pub(crate) const REASONS: &[&Reason] = &[
    &NO_TARGET,
    &UNREACHABLE,
    &CONNECT_TIMEOUT,
    &TLS,
    &TIMEOUT,
    &RESET,
    &BAD_HEAD,
    &BAD_FRAMING,
    &BAD_SWITCH,
    &TRUNCATED,
    &UNWRITABLE,
];

/// Every target is left out by its health checks, or there is none.
pub(crate) const NO_TARGET: Reason = Reason {
    code: "upstream.no_target",
    status: 503,
    meaning: "no target of the upstream is healthy",
    remedy: "look at the health checks of the targets, or at `upstream.health` when they are wrong",
    source: "RFC 9110 15.6.4",
};

/// No target could be reached.
pub(crate) const UNREACHABLE: Reason = Reason {
    code: "upstream.unreachable",
    status: 502,
    meaning: "no target of the upstream could be reached",
    remedy: "check that the upstream runs and that `upstream.targets` names it",
    source: "RFC 9110 15.6.3",
};

/// A target did not accept the connection in time.
pub(crate) const CONNECT_TIMEOUT: Reason = Reason {
    code: "upstream.connect_timeout",
    status: 504,
    meaning: "a target of the upstream did not accept a connection in time",
    remedy: "check the way to the upstream, or raise `upstream.timeouts.connect`",
    source: "RFC 9110 15.6.5",
};

/// The TLS handshake failed.
pub(crate) const TLS: Reason = Reason {
    code: "upstream.tls",
    status: 502,
    meaning: "the TLS handshake with the upstream failed",
    remedy: "check the upstream's certificate against `upstream.tls.ca_file` and `upstream.tls.server_name`",
    source: "RFC 8446 4.4.2.4",
};

/// The answer did not come in time.
pub(crate) const TIMEOUT: Reason = Reason {
    code: "upstream.timeout",
    status: 504,
    meaning: "the upstream did not answer, or not to the end, in time",
    remedy: "find out why the upstream is slow, or raise `upstream.timeouts`",
    source: "RFC 9110 15.6.5",
};

/// The connection broke before the head of an answer had come.
pub(crate) const RESET: Reason = Reason {
    code: "upstream.reset",
    status: 502,
    meaning: "the upstream closed the connection or the stream without an answer",
    remedy: "look at the upstream's log for the time of the event",
    source: "RFC 9110 15.6.3",
};

/// The head of the answer is not proper HTTP.
pub(crate) const BAD_HEAD: Reason = Reason {
    code: "upstream.bad_head",
    status: 502,
    meaning: "the upstream answered with a head that is not proper HTTP",
    remedy: "mend the upstream; a strict reader is what keeps its answers from being taken for something else",
    source: "RFC 9112 4 and 5",
};

/// Where the body of the answer ends cannot be told for sure.
pub(crate) const BAD_FRAMING: Reason = Reason {
    code: "upstream.bad_framing",
    status: 502,
    meaning: "the upstream framed its answer ambiguously or wrongly",
    remedy: "mend the upstream: one `Content-Length` or `Transfer-Encoding: chunked`, and a body that agrees with it",
    source: "RFC 9112 6.3",
};

/// The upstream agreed to a protocol switch that was not asked for, or wrongly.
pub(crate) const BAD_SWITCH: Reason = Reason {
    code: "upstream.bad_switch",
    status: 502,
    meaning: "the upstream switched to a protocol that was not asked for, or without the proof that is due",
    remedy: "check that the upstream speaks WebSocket at this path",
    source: "RFC 9110 7.8; RFC 6455 4.1",
};

/// The body of the answer ended too early.
pub(crate) const TRUNCATED: Reason = Reason {
    code: "upstream.truncated",
    status: 502,
    meaning: "the upstream closed the connection before the end of its answer",
    remedy: "look at the upstream's log for the time of the event",
    source: "RFC 9112 8",
};

/// The request has no safe form on the wire.
pub(crate) const UNWRITABLE: Reason = Reason {
    code: "upstream.unwritable",
    status: 502,
    meaning: "the request could not be written to the upstream without changing its meaning",
    remedy: "check `upstream.set_headers` for line breaks; otherwise report it as a defect of Stockade",
    source: "RFC 9112 11.1",
};
