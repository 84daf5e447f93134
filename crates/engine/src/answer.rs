//! A response on its way through the response stages: its head, its body as text, and what a stage made of it.

#![allow(dead_code, reason = "stages that change bodies use it")]

use std::borrow::Cow;
use std::cell::OnceCell;

use bytes::Bytes;
use serde_json::Value;
use stockade_inspect::{BodyError, BodyLimits, ParsedBody};
use stockade_model::ResponseHead;

/// Fields that tell of the bytes of a body, and are wrong once another body is sent (RFC 9110 8.4, 8.8.3, 14.3;
/// RFC 9530).
const ABOUT_THE_BYTES: [&str; 7] =
    ["content-encoding", "etag", "accept-ranges", "content-md5", "digest", "content-digest", "repr-digest"];

/// A response as it will be sent, unless a stage refuses it.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    /// Status and fields. Stages may change fields in enforce mode only.
    pub(crate) head: &'a mut ResponseHead,
    /// The body without content coding; `None` when it was not kept, is too long or cannot be decoded.
    body: Option<Cow<'a, [u8]>>,
    /// Why a body that was kept cannot be read.
    fault: Option<BodyError>,
    limits: BodyLimits,
    may_change: bool,
    changed: bool,
    json: OnceCell<Result<Value, BodyError>>,
}

impl<'a> Answer<'a> {
    /// A response; `body` is `None` when it was not kept, or is longer than what was asked for.
    pub(crate) fn new(
        head: &'a mut ResponseHead,
        body: Option<&'a [u8]>,
        limits: BodyLimits,
        may_change: bool,
    ) -> Self {
        let coding = body.and_then(|_| crate::fields::joined(&head.headers, "content-encoding"));
        let (body, fault) = match body.map(|body| stockade_inspect::decoded(coding.as_deref(), body, &limits)) {
            Some(Ok(body)) => (Some(body), None),
            Some(Err(fault)) => (None, Some(fault)),
            None => (None, None),
        };
        Self { head, body, fault, limits, may_change, changed: false, json: OnceCell::new() }
    }

    /// The body without content coding, as earlier stages left it.
    ///
    /// `None` when it is longer than what any stage wanted to see, or when its content coding cannot be undone: a stage
    /// that must see it refuses then.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        self.body.as_deref()
    }

    /// The body as text; `None` where [`Self::bytes`] has none, and for a body that is not UTF-8.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The body as JSON, parsed once for all stages, whatever its media type says; `None` where [`Self::bytes`] has none.
    pub(crate) fn json(&self) -> Option<Result<&Value, &BodyError>> {
        let body = self.bytes()?;
        let parse = || match ParsedBody::parse(Some("application/json"), None, None, body, true, &self.limits)? {
            ParsedBody::Json { value, .. } => Ok(value),
            _ => Ok(Value::Null),
        };
        Some(self.json.get_or_init(parse).as_ref())
    }

    /// Why the body cannot be read, for a refusal.
    pub(crate) fn fault(&self) -> String {
        self.fault
            .as_ref()
            .map_or_else(|| "the body is longer than what is kept".to_owned(), |fault| fault.detail.clone())
    }

    /// Whether stages may change what is sent: in monitor mode they only record what they would do.
    pub(crate) const fn may_change(&self) -> bool {
        self.may_change
    }

    /// Sends another body instead. In monitor mode nothing happens.
    pub(crate) fn replace(&mut self, body: Vec<u8>) {
        if self.may_change {
            self.body = Some(Cow::Owned(body));
            self.changed = true;
            self.json = OnceCell::new();
        }
    }

    /// The new body, when there is one; fields about the old bytes are taken out.
    pub(crate) fn finish(self) -> Option<Bytes> {
        let body = self.body.filter(|_| self.changed)?;
        self.head.headers.retain(|name, _| !ABOUT_THE_BYTES.contains(&name));
        self.head.content_length = Some(body.len() as u64);
        Some(Bytes::from(body.into_owned()))
    }
}

/// JSON by its media type, `+json` and problem documents included; an answer without a type may be anything.
pub(crate) fn may_be_json(head: &ResponseHead) -> bool {
    stockade_model::request::media_type(&head.headers)
        .is_none_or(|kind| kind == "application/json" || kind.ends_with("+json") || kind == "text/json")
}

/// Whether a response to `method` has a body at all (RFC 9110 6.4.1).
pub(crate) fn has_body(method: &str, head: &ResponseHead) -> bool {
    method != "HEAD" && head.status >= 200 && !matches!(head.status, 204 | 304) && head.content_length != Some(0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use stockade_model::Headers;

    use super::*;

    const LIMITS: BodyLimits =
        BodyLimits { json_depth: 8, json_values: 20, decompress_ratio: 100, decompressed_bytes: 1 << 20 };

    fn head(fields: &[(&str, &str)]) -> ResponseHead {
        let mut headers = Headers::default();
        for (name, value) in fields {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        ResponseHead { status: 200, headers, content_length: Some(9) }
    }

    #[test]
    fn another_body_mends_what_the_head_says_of_the_bytes() {
        let mut head = head(&[("etag", "\"a\""), ("content-type", "application/json"), ("digest", "sha-256=x")]);
        let mut answer = Answer::new(&mut head, Some(b"{\"a\":1}"), LIMITS, true);
        assert_eq!(answer.json().unwrap().unwrap(), &serde_json::json!({"a": 1}));
        answer.replace(b"{}".to_vec());
        assert_eq!(answer.json().unwrap().unwrap(), &serde_json::json!({}));
        assert_eq!(answer.finish().as_deref(), Some(&b"{}"[..]));
        assert_eq!(head.content_length, Some(2));
        assert!(head.headers.contains("content-type") && !head.headers.contains("etag"));
        assert!(!head.headers.contains("digest"));
    }

    #[test]
    fn nothing_is_changed_in_monitor_mode() {
        let mut head = head(&[("etag", "\"a\"")]);
        let mut answer = Answer::new(&mut head, Some(b"{}"), LIMITS, false);
        answer.replace(b"[]".to_vec());
        assert_eq!(answer.text(), Some("{}"));
        assert_eq!(answer.finish(), None);
        assert!(head.headers.contains("etag"));
    }

    #[test]
    fn a_content_coding_is_undone_and_a_broken_one_is_told() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(b"{\"a\":2}").unwrap();
        let packed = packed.finish().unwrap();
        let mut plain = head(&[("content-encoding", "gzip")]);
        let mut answer = Answer::new(&mut plain, Some(&packed), LIMITS, true);
        assert_eq!(answer.text(), Some("{\"a\":2}"));
        answer.replace(b"{}".to_vec());
        assert!(answer.finish().is_some() && !plain.headers.contains("content-encoding"));
        let mut broken = head(&[("content-encoding", "gzip")]);
        let answer = Answer::new(&mut broken, Some(b"no"), LIMITS, true);
        assert!(answer.bytes().is_none() && answer.json().is_none() && answer.fault().contains("gzip"));
    }
}
