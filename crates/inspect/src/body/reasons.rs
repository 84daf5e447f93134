//! Why a body cannot be judged.

use stockade_model::Reason;

/// A decompressed body passes its ratio or its size.
pub const DECOMPRESSION_BOMB: Reason = Reason {
    code: "inspect.decompression_bomb",
    status: 413,
    meaning: "the body grows beyond the allowed ratio or size when it is decompressed",
    remedy: "raise `inspect.decompress_ratio` or `inspect.decompressed` if clients really send such bodies",
    source: "RFC 9110 8.4",
};
/// More than two codings on top of one another.
pub const ENCODING_CHAIN: Reason = Reason {
    code: "inspect.encoding_chain",
    status: 413,
    meaning: "the body carries more than two content codings on top of one another",
    remedy: "have the client send one content coding",
    source: "RFC 9110 8.4",
};
/// A coding that cannot be undone.
pub const ENCODING_UNKNOWN: Reason = Reason {
    code: "inspect.encoding_unknown",
    status: 415,
    meaning: "the content coding is not gzip, deflate, br or zstd, so the body cannot be inspected",
    remedy: "have the client send a supported content coding, or switch inspection off for this API",
    source: "RFC 9110 8.4.1",
};
/// Bytes that are not what the coding says.
pub const ENCODING_BROKEN: Reason = Reason {
    code: "inspect.encoding_broken",
    status: 400,
    meaning: "the body is not valid in the content coding that it claims",
    remedy: "mend the client; a back end could read such a body in another way",
    source: "RFC 9110 8.4",
};
/// A charset in which text cannot be read.
pub const CHARSET_UNKNOWN: Reason = Reason {
    code: "inspect.charset_unknown",
    status: 415,
    meaning: "the charset of the body is not UTF-8, US-ASCII, ISO-8859-1 or Windows-1252, so it cannot be inspected",
    remedy: "have the client send UTF-8",
    source: "RFC 8259 8.1",
};
/// Not JSON.
pub const JSON_SYNTAX: Reason = Reason {
    code: "inspect.json_syntax",
    status: 400,
    meaning: "the body is not JSON although its type says so",
    remedy: "mend the client, or have it send the right content type",
    source: "RFC 8259 2",
};
/// JSON in bytes that are not UTF-8, or with half a surrogate pair.
pub const JSON_UNICODE: Reason = Reason {
    code: "inspect.json_unicode",
    status: 400,
    meaning: "a JSON string holds bytes that are not UTF-8 or a lone surrogate",
    remedy: "mend the client; parsers read such strings differently",
    source: "RFC 8259 8",
};
/// A byte order mark before JSON.
pub const JSON_BOM: Reason = Reason {
    code: "inspect.json_bom",
    status: 400,
    meaning: "the JSON body begins with a byte order mark",
    remedy: "have the client leave the mark out",
    source: "RFC 8259 8.1",
};
/// A number that no double can hold.
pub const JSON_NUMBER: Reason = Reason {
    code: "inspect.json_number",
    status: 400,
    meaning: "a JSON number is too large for a double, or is NaN or Infinity",
    remedy: "have the client send such a number as a string",
    source: "RFC 8259 6",
};
/// JSON nested too deep.
pub const JSON_DEPTH: Reason = Reason {
    code: "inspect.json_depth",
    status: 400,
    meaning: "the JSON body is nested deeper than allowed",
    remedy: "raise `contract.json_depth` if the API really needs it",
    source: "RFC 8259 9",
};
/// JSON with too many values.
pub const JSON_VALUES: Reason = Reason {
    code: "inspect.json_values",
    status: 413,
    meaning: "the JSON body holds more values than allowed",
    remedy: "raise `contract.json_values` if the API really needs it",
    source: "RFC 8259 9",
};
/// A form with too many pairs.
pub const FORM_VALUES: Reason = Reason {
    code: "inspect.form_values",
    status: 413,
    meaning: "the form holds more fields or parts than allowed",
    remedy: "raise `contract.json_values` if the API really needs it",
    source: "",
};
/// Multipart that parsers read differently.
pub const MULTIPART_SYNTAX: Reason = Reason {
    code: "inspect.multipart_syntax",
    status: 400,
    meaning: "the multipart body is not strictly formed, so back ends could read it differently",
    remedy: "mend the client",
    source: "RFC 7578 4, RFC 2046 5.1.1",
};

/// All of them.
pub const REASONS: &[&Reason] = &[
    &DECOMPRESSION_BOMB,
    &ENCODING_CHAIN,
    &ENCODING_UNKNOWN,
    &ENCODING_BROKEN,
    &CHARSET_UNKNOWN,
    &JSON_SYNTAX,
    &JSON_UNICODE,
    &JSON_BOM,
    &JSON_NUMBER,
    &JSON_DEPTH,
    &JSON_VALUES,
    &FORM_VALUES,
    &MULTIPART_SYNTAX,
];
