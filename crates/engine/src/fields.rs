//! Query strings and cookies, split without being changed.

use std::borrow::Cow;

use stockade_model::canonical::percent_decode;
use stockade_model::plan::KeyPlace;
use stockade_model::{Headers, Request};

/// The parts of a query as `(name, raw value)`; a part without `=` has an empty value, empty parts are left out.
pub(crate) fn query_parts(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

/// All values of a list field as one, as if they had stood on one line (RFC 9110 5.3).
pub(crate) fn joined<'a>(headers: &'a Headers, name: &str) -> Option<Cow<'a, str>> {
    let mut values = headers.get_all(name).map(String::from_utf8_lossy);
    let first = values.next()?;
    Some(values.fold(first, |joined, value| Cow::Owned(format!("{joined},{value}"))))
}

/// The cookies of a request as `(name, raw value)` (RFC 6265 5.4); parts without `=` have an empty value.
pub(crate) fn cookies(headers: &Headers) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all("cookie")
        .filter_map(|value| std::str::from_utf8(value).ok())
        .flat_map(|value| value.split(';'))
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes one part of a query: `+` is a space, then percent-decoding. `None` when that is not UTF-8.
pub(crate) fn decode_query(text: &str) -> Option<Cow<'_, str>> {
    if text.bytes().any(|byte| byte == b'+') {
        return decode(&text.replace('+', " ")).map(|decoded| Cow::Owned(decoded.into_owned()));
    }
    decode(text)
}

/// Percent-decodes `text`. `None` when the result is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%') {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(percent_decode(text.as_bytes())).ok().map(Cow::Owned)
}

/// Takes the field, parameter or cookie called `name` out of what is forwarded.
pub(crate) fn take_out(request: &mut Request, place: KeyPlace, name: &str) {
    match place {
        KeyPlace::Header => request.headers.remove(name),
        KeyPlace::Query => {
            request.query = request.query.take().and_then(|query| without_query(&query, name));
        }
        KeyPlace::Cookie => {
            let kept: Vec<Vec<u8>> =
                request.headers.get_all("cookie").filter_map(|value| without_cookie(value, name)).collect();
            request.headers.remove("cookie");
            for value in kept {
                request.headers.push(b"cookie", &value);
            }
        }
    }
}

/// `query` without the parts called `name`; `None` when nothing is left.
fn without_query(query: &str, name: &str) -> Option<String> {
    let mut kept = String::with_capacity(query.len());
    for part in query.split('&') {
        let raw = part.split_once('=').map_or(part, |(name, _)| name);
        if decode_query(raw).is_some_and(|decoded| decoded == name) {
            continue;
        }
        if !kept.is_empty() {
            kept.push('&');
        }
        kept.push_str(part);
    }
    (!kept.is_empty()).then_some(kept)
}

/// A `cookie` value without the cookies called `name`; `None` when nothing is left.
fn without_cookie(value: &[u8], name: &str) -> Option<Vec<u8>> {
    let kept: Vec<&[u8]> = value
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && pair.split(|byte| *byte == b'=').next() != Some(name.as_bytes()))
        .collect();
    (!kept.is_empty()).then(|| kept.join(&b"; "[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_taken_out_of_query_and_cookie_and_nothing_else_is() {
        assert_eq!(without_query("a=1&api_key=s&b=2", "api_key").as_deref(), Some("a=1&b=2"));
        assert_eq!(without_query("a=1&%61pi_key=s&b", "api_key").as_deref(), Some("a=1&b"));
        assert_eq!(without_query("api_key=s", "api_key"), None);
        assert_eq!(without_cookie(b"a=1; key=s; b=2", "key").as_deref(), Some(&b"a=1; b=2"[..]));
        assert_eq!(without_cookie(b"key=s", "key"), None);
    }

    #[test]
    fn values_are_decoded_once_and_must_be_utf8() {
        assert_eq!(decode_query("a+b%20c").as_deref(), Some("a b c"));
        assert_eq!(decode_query("%2541").as_deref(), Some("%41"));
        assert_eq!(decode_query("%ff"), None);
        let pairs: Vec<_> = query_parts("a=1&&b&c=").collect();
        assert_eq!(pairs, [("a", "1"), ("b", ""), ("c", "")]);
    }
}
