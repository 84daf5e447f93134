//! Walks path, query, headers and cookies.

use std::borrow::Cow;

use base64::Engine as _;
use stockade_model::Request;
use stockade_model::canonical::percent_decode;

use super::repeated::Repeated;
use super::run::Run;
use crate::body::parse_pairs;
use crate::detect::{Kind, Tokens};
use crate::mask;

/// Bytes of a name that are shown in a place.
const NAME: usize = 80;

pub(super) fn walk(request: &Request, run: &mut Run<'_>) {
    path(request.path.as_str(), run);
    if let Some(text) = &request.query {
        query(text, run);
    }
    for (name, value) in request.headers.iter() {
        if run.is_over() {
            return;
        }
        match name {
            "cookie" => cookies(value, run),
            "authorization" | "proxy-authorization" => authorization(name, value, run),
            _ => {
                place(run, "header.", name);
                run.value(value, header_kind(name, value));
            }
        }
    }
}

fn place(run: &mut Run<'_>, part: &str, name: &str) {
    run.place.clear();
    run.place.push_str(part);
    run.place.push_str(name);
}

fn path(path: &str, run: &mut Run<'_>) {
    for (index, segment) in path.split('/').skip(1).enumerate() {
        if segment.len() < 2 {
            continue;
        }
        place(run, "path.", "");
        push_index(&mut run.place, index);
        let decoded = if segment.contains('%') {
            Cow::Owned(percent_decode(segment.as_bytes()))
        } else {
            Cow::Borrowed(segment.as_bytes())
        };
        run.value(&decoded, Kind::Path);
    }
    // Names of secret files and what scanners ask for go over segments: `/.git/config`.
    if path.contains("/.") || Tokens::of(path.as_bytes()).any(Tokens::PROBE) {
        place(run, "path", "");
        run.value(path.as_bytes(), Kind::Path);
    }
}

/// Appends a number without an allocation of its own.
pub(super) fn push_index(place: &mut String, index: usize) {
    use std::fmt::Write as _;
    // Writing to a `String` cannot fail.
    let _ = write!(place, "{index}");
}

pub(super) fn query(text: &str, run: &mut Run<'_>) {
    let mut repeated = Repeated::default();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if run.is_over() {
            return;
        }
        let Some((name, value)) = parse_pairs(pair.as_bytes()).next() else { continue };
        if !pair.contains('=') {
            place(run, "query", "");
            run.value(&name, Kind::Parameter);
            continue;
        }
        place(run, "query.", &shown(&name));
        run.value(&name, Kind::Name);
        run.value(&value, Kind::Parameter);
        repeated.add(name, value);
    }
    repeated.look("query.", run);
}

/// A name as it is shown in a place: controls escaped, cut.
pub(super) fn shown(name: &[u8]) -> Cow<'_, str> {
    let plain = name.len() <= NAME
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']'));
    match std::str::from_utf8(name) {
        Ok(text) if plain => Cow::Borrowed(text),
        _ => Cow::Owned(mask::text(&String::from_utf8_lossy(name), NAME).into_owned()),
    }
}

fn header_kind(name: &str, value: &[u8]) -> Kind {
    // No field with a grammar of its own has these.
    if name != "user-agent" && memchr::memchr2(b'<', b'\'', value).is_some() {
        return Kind::Header;
    }
    match name {
        "user-agent" => Kind::Agent,
        "accept"
        | "accept-encoding"
        | "accept-language"
        | "accept-charset"
        | "accept-patch"
        | "cache-control"
        | "pragma"
        | "content-type"
        | "content-length"
        | "content-encoding"
        | "content-language"
        | "date"
        | "etag"
        | "range"
        | "if-match"
        | "if-none-match"
        | "if-modified-since"
        | "if-unmodified-since"
        | "if-range"
        | "connection"
        | "dnt"
        | "te"
        | "traceparent"
        | "tracestate"
        | "priority"
        | "upgrade-insecure-requests"
        | "expect"
        | "host"
        | "prefer"
        | "access-control-request-method"
        | "access-control-request-headers"
        | "grpc-timeout"
        | "baggage"
        | "b3"
        | "signature"
        | "signature-input"
        | "digest"
        | "content-digest"
        | "repr-digest" => Kind::Structured,
        _ if name.starts_with("sec-") => Kind::Structured,
        _ => Kind::Header,
    }
}

fn cookies(value: &[u8], run: &mut Run<'_>) {
    for pair in value.split(|byte| *byte == b';') {
        let pair = pair.trim_ascii();
        if pair.is_empty() || run.is_over() {
            continue;
        }
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (b"".as_slice(), pair),
        };
        place(run, "cookie.", &shown(name));
        run.value(name, Kind::Name);
        run.value(value, Kind::Cookie);
    }
}

/// A bearer token is looked at like a cookie, and name and password of `Basic` like parameters.
fn authorization(name: &str, value: &[u8], run: &mut Run<'_>) {
    place(run, "header.", name);
    let (scheme, credential) = match value.iter().position(|byte| *byte == b' ') {
        Some(at) => (value.get(..at).unwrap_or_default(), value.get(at + 1..).unwrap_or_default().trim_ascii()),
        None => (b"".as_slice(), value),
    };
    if scheme.eq_ignore_ascii_case(b"basic")
        && let Ok(decoded) = base64::engine::general_purpose::STANDARD.decode(credential)
    {
        for part in decoded.splitn(2, |byte| *byte == b':') {
            run.value(part, Kind::Parameter);
        }
        return;
    }
    let token =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    if credential.iter().all(token) {
        // Of a token only what it says of itself is looked at; an accepted one is the identity stage's.
        run.value(credential, Kind::Cookie);
    } else {
        run.value(value, Kind::Structured);
        run.value(credential, Kind::Cookie);
    }
}
