//! Why HTTP/2 itself refused a stream or a connection. Bodies share their reasons with HTTP/1.

use stockade_model::Reason;

/// All reasons of HTTP/2.
pub(crate) const REASONS: &[&Reason] = &[&MALFORMED, &HEAD_TOO_LARGE, &FLOOD];

/// A head that breaks the rules of HTTP/2.
pub(crate) const MALFORMED: Reason = Reason {
    code: "http2.malformed",
    status: 400,
    meaning: "the head of a stream was malformed: pseudo-fields, upper-case or connection-specific fields, bad bytes",
    remedy: "nothing ordinary sends such a head; look at the client",
    source: "RFC 9113 8.1.1",
};

/// A header list over the announced size.
pub(crate) const HEAD_TOO_LARGE: Reason = Reason {
    code: "http2.head_too_large",
    status: 431,
    meaning: "the header list of a stream was larger than SETTINGS_MAX_HEADER_LIST_SIZE announced",
    remedy: "send fewer or shorter fields; cookies are the usual cause",
    source: "RFC 9113 10.5.1",
};

/// Too many frames without substance, or too many broken streams.
pub(crate) const FLOOD: Reason = Reason {
    code: "http2.flood",
    status: 429,
    meaning: "a connection sent more control frames than `gateway.limits.control_frames` allows, or too many resets",
    remedy: "raise `gateway.limits.control_frames` if an ordinary client does this",
    source: "RFC 9113 10.5",
};
