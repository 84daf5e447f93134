//! Why a well-framed head is not a request that Stockade serves.

use stockade_model::Reason;

/// A method that is not a token in upper case.
pub(crate) const METHOD: Reason = Reason {
    code: "request.method",
    status: 400,
    meaning: "the method is not a token of upper-case letters, digits, `-` and `_`, or is longer than 32 bytes",
    remedy: "nothing ordinary sends such a method; look at the client",
    source: "RFC 9110 9.1",
};

/// CONNECT and TRACE.
pub(crate) const METHOD_NOT_SERVED: Reason = Reason {
    code: "request.method_not_served",
    status: 405,
    meaning: "CONNECT and TRACE are never served: Stockade is no open proxy and echoes no credentials",
    remedy: "use another method",
    source: "RFC 9110 9.3.6, 9.3.8",
};

/// A target in none of the forms allowed for the method.
pub(crate) const TARGET: Reason = Reason {
    code: "request.target",
    status: 400,
    meaning: "the request target is not in origin-form, nor `*` for OPTIONS, nor an absolute form equal to `Host`",
    remedy: "send the path and query alone, percent-encoded",
    source: "RFC 9112 3.2",
};

/// A target longer than the limit.
pub(crate) const TARGET_TOO_LONG: Reason = Reason {
    code: "request.target_too_long",
    status: 414,
    meaning: "the request target, on HTTP/1 with the rest of its line, is longer than `gateway.limits.target`",
    remedy: "send the data in a body, or raise `gateway.limits.target`",
    source: "RFC 9110 15.5.15",
};

/// A path without a canonical form.
pub(crate) const PATH: Reason = Reason {
    code: "request.path",
    status: 400,
    meaning: "the path has no single meaning: bad escapes, escaped separators, empty or climbing segments",
    remedy: "send the path in its canonical form, or name its form in `apis.NAME.path_forms`",
    source: "RFC 3986 6.2.2",
};

/// A raw byte that a query must not hold.
pub(crate) const QUERY: Reason = Reason {
    code: "request.query",
    status: 400,
    meaning: "the query holds a raw control, space, quote, angle bracket, `#` or a byte above 0x7f",
    remedy: "percent-encode the query",
    source: "RFC 3986 3.4",
};

/// `Host` missing, repeated or not a host.
pub(crate) const HOST: Reason = Reason {
    code: "request.host",
    status: 400,
    meaning: "there is not exactly one valid `Host` (or `:authority`), or two of them differ",
    remedy: "send one host name or address, with a port if needed",
    source: "RFC 9112 3.2",
};

/// A header name with an underscore.
pub(crate) const UNDERSCORE: Reason = Reason {
    code: "request.underscore",
    status: 400,
    meaning: "a header name holds `_`, which many back ends read as `-`",
    remedy: "rename the header, or set `gateway.refuse_underscore_headers: false`",
    source: "",
};

/// A field value with spaces around it, or a control in it.
pub(crate) const FIELD: Reason = Reason {
    code: "request.field",
    status: 400,
    meaning: "a field's name or value holds bytes that are not allowed there",
    remedy: "nothing ordinary sends such a field; look at the client",
    source: "RFC 9110 5.5",
};

/// Too many fields.
pub(crate) const TOO_MANY_FIELDS: Reason = Reason {
    code: "request.too_many_fields",
    status: 431,
    meaning: "the request has more fields than `gateway.limits.headers`",
    remedy: "send fewer fields, or raise `gateway.limits.headers`",
    source: "RFC 6585 5",
};

/// One field too large.
pub(crate) const FIELD_TOO_LARGE: Reason = Reason {
    code: "request.field_too_large",
    status: 431,
    meaning: "a field is larger than `gateway.limits.header`",
    remedy: "send smaller fields, or raise `gateway.limits.header`",
    source: "RFC 6585 5",
};

/// `Content-Type` repeated, or not ASCII.
pub(crate) const CONTENT_TYPE: Reason = Reason {
    code: "request.content_type",
    status: 400,
    meaning: "there is more than one `Content-Type`, or it holds bytes above 0x7f, so that the body could be read in two ways",
    remedy: "send one `Content-Type`, in ASCII",
    source: "RFC 9110 5.3, 8.3",
};

/// `Connection` names an end-to-end field.
pub(crate) const NOMINATED: Reason = Reason {
    code: "request.connection_nominates",
    status: 400,
    meaning: "`Connection` names a field that is not hop-by-hop, which would strip it on the way",
    remedy: "nothing ordinary does so; look at the client",
    source: "RFC 9110 7.6.1",
};

/// An expectation other than `100-continue`.
pub(crate) const EXPECTATION: Reason = Reason {
    code: "request.expectation",
    status: 417,
    meaning: "`Expect` asks for something other than `100-continue`",
    remedy: "leave the field out",
    source: "RFC 9110 10.1.1",
};

/// A WebSocket handshake that is not one.
pub(crate) const WEBSOCKET: Reason = Reason {
    code: "request.websocket",
    status: 400,
    meaning: "the WebSocket handshake is not a GET without a body and with one proper `Sec-WebSocket-Key`",
    remedy: "use a client that follows RFC 6455",
    source: "RFC 6455 4.2.1",
};

/// A WebSocket version other than 13.
pub(crate) const WEBSOCKET_VERSION: Reason = Reason {
    code: "request.websocket_version",
    status: 426,
    meaning: "the WebSocket version asked for is not 13",
    remedy: "use a client that follows RFC 6455",
    source: "RFC 6455 4.4",
};

/// All reasons of this part.
pub(crate) const REASONS: &[&Reason] = &[
    &METHOD,
    &METHOD_NOT_SERVED,
    &TARGET,
    &TARGET_TOO_LONG,
    &PATH,
    &QUERY,
    &HOST,
    &UNDERSCORE,
    &FIELD,
    &TOO_MANY_FIELDS,
    &FIELD_TOO_LARGE,
    &CONTENT_TYPE,
    &NOMINATED,
    &EXPECTATION,
    &WEBSOCKET,
    &WEBSOCKET_VERSION,
];
