//! `application/x-www-form-urlencoded` (URL Standard 5.1), also used for query strings and cookies' likes.

use super::reasons::FORM_VALUES;
use super::{BodyError, BodyLimits};
use std::borrow::Cow;

pub(super) fn parse(bytes: &[u8], limits: &BodyLimits) -> Result<Vec<(String, String)>, BodyError> {
    let most = limits.json_values as usize;
    let mut pairs = Vec::new();
    for (name, value) in parse_pairs(bytes) {
        if pairs.len() >= most {
            return Err(BodyError::new(&FORM_VALUES, format!("expected at most {most} fields, got more")));
        }
        pairs.push((text(&name), text(&value)));
    }
    Ok(pairs)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The pairs of a query string or form, percent-decoded, `+` as a space; borrowed where nothing was escaped.
///
/// A pair without `=` is a name with an empty value.
pub fn parse_pairs(query: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = halves.next().unwrap_or_default();
        (unescape(name), unescape(halves.next().unwrap_or_default()))
    })
}

fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'%', b'+', text).is_none() {
        return Cow::Borrowed(text);
    }
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(stockade_model::canonical::percent_decode(&spaced))
}

/// Whether a body without a type may be a form: one line that begins with a plain name and `=`.
pub(super) fn looks_like_one(text: &str) -> bool {
    let Some((name, _)) = text.split_once('=') else { return false };
    !text.contains(['\n', '\r'])
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let pairs: Vec<_> =
            parse_pairs(b"a=1&&b=%41+%zz&c&=d&e=f=g").map(|(name, value)| (text(&name), text(&value))).collect();
        let expected = [("a", "1"), ("b", "A %zz"), ("c", ""), ("", "d"), ("e", "f=g")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_number_of_fields_is_limited() {
        let limits = BodyLimits { json_depth: 1, json_values: 2, decompress_ratio: 1, decompressed_bytes: 1 };
        assert_eq!(parse(b"a&b&c", &limits).unwrap_err().reason.code, "inspect.form_values");
    }
}
