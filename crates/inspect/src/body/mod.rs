//! A request body, decoded and parsed once for contract and inspection.

mod encoding;
mod form;
mod json;
mod media;
mod multipart;
pub mod reasons;

use std::borrow::Cow;

pub use form::parse_pairs;
use media::Kind;
pub use reasons::REASONS;
use stockade_model::Reason;

/// Bounds of decoding and parsing.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Nesting of JSON; more than 127 counts as 127.
    pub json_depth: u16,
    /// Values in JSON, and pairs or parts in a form.
    pub json_values: u32,
    /// Largest ratio of decompressed to compressed bytes.
    pub decompress_ratio: u32,
    /// Largest decompressed size.
    pub decompressed_bytes: u64,
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `name` of its `Content-Disposition`.
    pub name: String,
    /// `filename`, when there is one.
    pub file_name: Option<String>,
    /// Its media type, lower case.
    pub media_type: Option<String>,
    /// Content.
    pub content: Vec<u8>,
}

/// A body as its media type says it is.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedBody {
    /// No body.
    Empty,
    /// JSON and `+json`; duplicate keys are counted (the last one is kept).
    Json {
        /// The value.
        value: serde_json::Value,
        /// How many object keys came twice.
        duplicate_keys: u32,
        /// The values that a later duplicate key replaced: a back end may read these, so inspection does too.
        shadowed: Vec<serde_json::Value>,
    },
    /// `application/x-www-form-urlencoded`, decoded.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`.
    Multipart(Vec<Part>),
    /// Anything else that is text.
    Text(String),
    /// Anything else.
    Binary,
}

/// Why a body cannot be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyError {
    /// Why.
    pub reason: &'static Reason,
    /// What was expected and what came.
    pub detail: String,
}

impl BodyError {
    pub(crate) fn new(reason: &'static Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// A whole body with its content codings undone (RFC 9110 8.4); borrowed when there are none.
///
/// # Errors
/// A coding that is not known, a body that is not in it, or one that passes a limit of `limits`.
pub fn decoded<'a>(
    content_encoding: Option<&str>,
    bytes: &'a [u8],
    limits: &BodyLimits,
) -> Result<Cow<'a, [u8]>, BodyError> {
    encoding::undo(content_encoding, bytes, true, limits)
}

impl ParsedBody {
    /// Undoes `content_encoding` and parses the body as `media_type` says.
    ///
    /// `media_type` is the type in lower case without parameters, `content_type` the whole field. Without a type, a
    /// body that looks like JSON or a form is read as one, since many back ends do the same. `complete` is false when
    /// `bytes` is only the first part of a body that is streamed: it is then never JSON.
    ///
    /// # Errors
    /// A body that is not what its type says, or passes a limit.
    pub fn parse(
        media_type: Option<&str>,
        content_type: Option<&str>,
        content_encoding: Option<&str>,
        bytes: &[u8],
        complete: bool,
        limits: &BodyLimits,
    ) -> Result<Self, BodyError> {
        if bytes.is_empty() {
            return Ok(Self::Empty);
        }
        let decoded = encoding::undo(content_encoding, bytes, complete, limits)?;
        let bytes: &[u8] = &decoded;
        let kind = Kind::of(media_type);
        if !matches!(kind, Kind::Binary | Kind::Multipart) {
            media::check_charset(content_type)?;
        }
        match kind {
            Kind::Json if complete => json::parse(bytes, limits),
            Kind::Json | Kind::Text => Ok(Self::Text(lossy(bytes))),
            Kind::Form => form::parse(bytes, limits).map(Self::Form),
            Kind::Multipart => multipart::parse(content_type, bytes, complete, limits).map(Self::Multipart),
            Kind::Binary => Ok(Self::Binary),
            Kind::Unknown => Ok(Self::sniff(media_type.is_none(), bytes, complete, limits)),
        }
    }

    fn sniff(untyped: bool, bytes: &[u8], complete: bool, limits: &BodyLimits) -> Self {
        let start = bytes.trim_ascii_start().first();
        if complete
            && matches!(start, Some(b'{' | b'['))
            && let Ok(parsed) = json::parse(bytes, limits)
        {
            return parsed;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return Self::Binary };
        if text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) {
            return Self::Binary;
        }
        if untyped
            && form::looks_like_one(text)
            && let Ok(pairs) = form::parse(bytes, limits)
        {
            return Self::Form(pairs);
        }
        Self::Text(text.to_owned())
    }
}

fn lossy(bytes: &[u8]) -> String {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) => text.to_owned(),
        Cow::Owned(text) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) const LIMITS: BodyLimits =
        BodyLimits { json_depth: 64, json_values: 20_000, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

    fn parse(media_type: Option<&str>, bytes: &[u8]) -> Result<ParsedBody, &'static str> {
        ParsedBody::parse(media_type, media_type, None, bytes, true, &LIMITS).map_err(|error| error.reason.code)
    }

    #[test]
    fn the_media_type_chooses_the_parser() {
        assert_eq!(parse(Some("application/json"), b""), Ok(ParsedBody::Empty));
        for json in ["application/json", "application/problem+json", "application/graphql-response+json"] {
            assert!(matches!(parse(Some(json), b"{\"a\":1}"), Ok(ParsedBody::Json { .. })), "{json}");
        }
        assert_eq!(
            parse(Some("application/x-www-form-urlencoded"), b"a=1+2&b=%27"),
            Ok(ParsedBody::Form(vec![("a".into(), "1 2".into()), ("b".into(), "'".into())]))
        );
        assert_eq!(parse(Some("text/plain"), b"hi"), Ok(ParsedBody::Text("hi".into())));
        assert_eq!(parse(Some("application/xml"), b"<a/>"), Ok(ParsedBody::Text("<a/>".into())));
        assert_eq!(parse(Some("application/grpc"), b"\0\0\0"), Ok(ParsedBody::Binary));
        assert_eq!(parse(Some("image/png"), b"GIF89a"), Ok(ParsedBody::Binary));
    }

    #[test]
    fn a_body_without_a_type_is_recognised() {
        assert!(matches!(parse(None, b" {\"a\":1}"), Ok(ParsedBody::Json { .. })));
        assert!(matches!(parse(None, b"a=1&b=2"), Ok(ParsedBody::Form(_))));
        assert_eq!(parse(None, b"{not json"), Ok(ParsedBody::Text("{not json".into())));
        assert_eq!(parse(None, b"\x00\xff"), Ok(ParsedBody::Binary));
    }

    #[test]
    fn the_first_part_of_a_stream_is_text_and_never_json() {
        let parsed = ParsedBody::parse(Some("application/json"), None, None, b"{\"a\":", false, &LIMITS);
        assert_eq!(parsed, Ok(ParsedBody::Text("{\"a\":".into())));
    }

    #[test]
    fn charsets_that_hide_text_are_refused() {
        for charset in ["utf-16", "utf-7", "ibm037", "UTF-32LE"] {
            let content_type = format!("application/json; charset={charset}");
            let parsed = ParsedBody::parse(Some("application/json"), Some(&content_type), None, b"{}", true, &LIMITS);
            assert_eq!(parsed.map_err(|error| error.reason.code), Err("inspect.charset_unknown"), "{charset}");
        }
        let content_type = Some("application/json; charset=\"UTF-8\"");
        assert!(ParsedBody::parse(Some("application/json"), content_type, None, b"{}", true, &LIMITS).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            media_type in proptest::option::of("(application/json|application/x-www-form-urlencoded|text/plain|x)"),
            coding in proptest::option::of("(gzip|deflate|br|zstd|gzip, br)"),
            bytes in proptest::collection::vec(any::<u8>(), 0..256),
            complete: bool,
        ) {
            let kind = media_type.as_deref();
            let _ = ParsedBody::parse(kind, kind, coding.as_deref(), &bytes, complete, &LIMITS);
        }

        #[test]
        fn no_multipart_makes_it_panic(body in "(--b|\r\n|--|Content-Disposition: form-data; name=\"a\"|;|\"|x|=|:){0,24}") {
            let content_type = Some("multipart/form-data; boundary=b");
            for complete in [true, false] {
                let _ = ParsedBody::parse(Some("multipart/form-data"), content_type, None, body.as_bytes(), complete, &LIMITS);
            }
        }
    }
}
