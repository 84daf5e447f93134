//! Why bytes are not an HTTP/1.1 message that Stockade reads.

use stockade_model::Reason;

/// The head breaks the grammar.
pub(crate) const GRAMMAR: Reason = Reason {
    code: "framing.grammar",
    status: 400,
    meaning: "the head breaks the grammar: a bare LF or CR, a control, a fold, a blank first line, a field without a colon",
    remedy: "nothing ordinary sends such a head; look at the client",
    source: "RFC 9112 2.2, 3, 5",
};

/// The request line is not one.
pub(crate) const REQUEST_LINE: Reason = Reason {
    code: "framing.request_line",
    status: 400,
    meaning: "the request line is not `METHOD SP target SP HTTP/1.x` with single spaces",
    remedy: "nothing ordinary sends such a line; look at the client",
    source: "RFC 9112 3",
};

/// A version that is not served here.
pub(crate) const VERSION: Reason = Reason {
    code: "framing.version",
    status: 505,
    meaning: "the protocol version is neither HTTP/1.0 nor HTTP/1.1",
    remedy: "use HTTP/1.1, or HTTP/2 with its own preface",
    source: "RFC 9110 15.6.6",
};

/// The head is too large.
pub(crate) const HEAD_TOO_LARGE: Reason = Reason {
    code: "framing.head_too_large",
    status: 431,
    meaning: "request line and fields together are larger than `gateway.limits.head`",
    remedy: "send smaller fields, or raise `gateway.limits.head`",
    source: "RFC 6585 5",
};

/// No whole head in time.
pub(crate) const HEAD_TIMEOUT: Reason = Reason {
    code: "framing.head_timeout",
    status: 408,
    meaning: "the head was not whole within `gateway.timeouts.head`",
    remedy: "look at the client's network, or raise `gateway.timeouts.head`",
    source: "RFC 9110 15.5.9",
};

/// Both framings at once.
pub(crate) const CL_TE: Reason = Reason {
    code: "framing.cl_te",
    status: 400,
    meaning: "both `Content-Length` and `Transfer-Encoding` are present: two servers could read two messages",
    remedy: "nothing ordinary sends both; look at the client",
    source: "RFC 9112 6.1",
};

/// A bad length.
pub(crate) const CONTENT_LENGTH: Reason = Reason {
    code: "framing.content_length",
    status: 400,
    meaning: "`Content-Length` is repeated, or not one plain decimal number",
    remedy: "send one number without sign, leading zeros or list",
    source: "RFC 9112 6.3",
};

/// A bad coding.
pub(crate) const TRANSFER_ENCODING: Reason = Reason {
    code: "framing.transfer_encoding",
    status: 400,
    meaning: "`Transfer-Encoding` is not exactly one `chunked` on HTTP/1.1",
    remedy: "send `chunked` alone, or a `Content-Length`",
    source: "RFC 9112 6.1",
};

/// An unknown coding.
pub(crate) const TRANSFER_CODING: Reason = Reason {
    code: "framing.transfer_coding",
    status: 501,
    meaning: "`Transfer-Encoding` names a coding that is not served",
    remedy: "send `chunked` alone, and compress with `Content-Encoding`",
    source: "RFC 9112 6.1",
};

/// A chunk breaks the grammar.
pub(crate) const CHUNK: Reason = Reason {
    code: "framing.chunk",
    status: 400,
    meaning: "a chunk's size line, its data's end or an extension breaks the grammar",
    remedy: "nothing ordinary sends such a chunk; look at the client",
    source: "RFC 9112 7.1",
};

/// Too much in extensions.
pub(crate) const CHUNK_EXTENSIONS: Reason = Reason {
    code: "framing.chunk_extensions",
    status: 400,
    meaning: "the chunk extensions of one body are larger than `gateway.limits.chunk_extensions`",
    remedy: "leave extensions out: nothing reads them",
    source: "RFC 9112 7.1.1",
};

/// A trailer that is not one.
pub(crate) const TRAILER: Reason = Reason {
    code: "framing.trailer",
    status: 400,
    meaning: "the trailer section breaks the grammar, or holds a field that must stand in the head",
    remedy: "send framing, routing and credentials in the head",
    source: "RFC 9110 6.5.1",
};

/// Trailers too large.
pub(crate) const TRAILER_TOO_LARGE: Reason = Reason {
    code: "framing.trailer_too_large",
    status: 431,
    meaning: "the trailer section is larger than `gateway.limits.trailer`",
    remedy: "send smaller trailers, or raise `gateway.limits.trailer`",
    source: "RFC 6585 5",
};

/// The body is too large.
pub(crate) const BODY_TOO_LARGE: Reason = Reason {
    code: "body.too_large",
    status: 413,
    meaning: "the body is larger than `gateway.limits.body`",
    remedy: "send less, or raise `gateway.limits.body`",
    source: "RFC 9110 15.5.14",
};

/// The body came too slowly.
pub(crate) const BODY_TIMEOUT: Reason = Reason {
    code: "body.timeout",
    status: 408,
    meaning: "the body came slower than `gateway.timeouts.body` and `body_rate` allow",
    remedy: "look at the client's network, or lower `gateway.timeouts.body_rate`",
    source: "RFC 9110 15.5.9",
};

/// The client left in the middle.
pub(crate) const BODY_BROKEN: Reason = Reason {
    code: "body.broken",
    status: 400,
    meaning: "the connection ended before the body did",
    remedy: "look at the client",
    source: "RFC 9112 8",
};

/// All reasons of this part.
pub(crate) const REASONS: &[&Reason] = &[
    &GRAMMAR,
    &REQUEST_LINE,
    &VERSION,
    &HEAD_TOO_LARGE,
    &HEAD_TIMEOUT,
    &CL_TE,
    &CONTENT_LENGTH,
    &TRANSFER_ENCODING,
    &TRANSFER_CODING,
    &CHUNK,
    &CHUNK_EXTENSIONS,
    &TRAILER,
    &TRAILER_TOO_LARGE,
    &BODY_TOO_LARGE,
    &BODY_TIMEOUT,
    &BODY_BROKEN,
];
