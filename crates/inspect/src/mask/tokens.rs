//! Finds secrets and personal data in free text by their shape.

use std::borrow::Cow;
use std::ops::Range;

use super::{MASKED, names, numbers};

/// Beginnings of keys that well-known services give out, and the shortest whole key.
const KEY_PREFIXES: &[(&str, usize)] = &[
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("pk_live_", 16),
    ("sk-", 20),
    ("whsec_", 16),
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 16),
    ("xoxp-", 16),
    ("xoxa-", 16),
    ("xapp-", 16),
    ("AIza", 35),
    ("ya29.", 20),
    ("SG.", 40),
    ("npm_", 20),
    ("pypi-", 40),
    ("dop_v1_", 40),
    ("shpat_", 30),
    ("hvs.", 20),
];
/// A run without a mark of its own is a token from this length on.
const TOKEN_BYTES: usize = 24;
const HEX_BYTES: usize = 40;

/// `text` with all that is secret replaced; borrowed when nothing is.
pub(super) fn mask(text: &str) -> Cow<'_, str> {
    if is_plain(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while at < text.len() {
        let (found, next) = step(text, at);
        if let Some((range, word)) = found
            && text.get(range.clone()) != Some(word)
        {
            out.push_str(text.get(copied..range.start).unwrap_or_default());
            out.push_str(word);
            copied = range.end;
        }
        at = next.max(at + 1);
    }
    if copied == 0 && out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(out)
}

/// Everything in `text` that [`mask`] would replace, and by which word; in order, never overlapping.
pub(super) fn spans(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut at = if is_plain(text.as_bytes()) { text.len() } else { 0 };
    while at < text.len() {
        let (span, next) = step(text, at);
        found.extend(span);
        at = next.max(at + 1);
    }
    found
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether one pass over the bytes can already say that there is nothing to mask.
fn is_plain(bytes: &[u8]) -> bool {
    let (mut digits, mut run) = (0_u32, 0_u32);
    for byte in bytes {
        match byte {
            b'@' | b'=' | b':' => return false,
            b'0'..=b'9' => {
                digits += 1;
                run += 1;
            }
            b' ' | b'-' => run = if *byte == b'-' { run + 1 } else { 0 },
            _ => {
                digits = 0;
                run = if is_word(*byte) || *byte == b'.' { run + 1 } else { 0 };
            }
        }
        if digits >= 13 || run >= 16 {
            return false;
        }
    }
    // `Bearer x`, and IBANs in groups, which begin with two capitals and two digits.
    !bytes.windows(5).any(|five| match five {
        [a, b, c, d, b' ' | b'0'..=b'9'] => {
            a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit()
        }
        [b'b' | b'B', ..] => five.eq_ignore_ascii_case(b"beare") || five.eq_ignore_ascii_case(b"basic"),
        _ => false,
    })
}

/// A range of a text, and the word that stands in its place.
pub(super) type Found = (Range<usize>, &'static str);

/// Looks at the run that begins at `at`: what to mask, and where to go on.
fn step(text: &str, at: usize) -> (Option<Found>, usize) {
    let bytes = text.as_bytes();
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(first) = rest.first().filter(|byte| is_word(**byte)) else { return (None, at + 1) };
    if first.is_ascii_digit()
        && let Some(length) = numbers::card(rest)
    {
        return (Some((at..at + length, "[card]")), at + length);
    }
    if first.is_ascii_uppercase()
        && let Some(length) = numbers::iban(rest)
    {
        return (Some((at..at + length, "[iban]")), at + length);
    }
    let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
    let run = rest.get(..length).unwrap_or_default();
    let end = at + length;
    // Dotted runs: e-mail addresses, JWTs.
    let dotted = rest.iter().position(|byte| !(is_word(*byte) || matches!(byte, b'.' | b'+'))).unwrap_or(rest.len());
    if rest.get(dotted) == Some(&b'@')
        && let Some(domain) = domain(rest.get(dotted + 1..).unwrap_or_default())
    {
        let end = at + dotted + 1 + domain;
        return (Some((at..end, "[email]")), end);
    }
    let whole = rest.get(..dotted).unwrap_or_default();
    if run.starts_with(b"eyJ") && whole.iter().filter(|byte| **byte == b'.').count() >= 1 && dotted > 20 {
        return (Some((at..at + dotted, "[jwt]")), at + dotted);
    }
    if KEY_PREFIXES.iter().any(|(prefix, least)| dotted >= *least && whole.starts_with(prefix.as_bytes())) {
        return (Some((at..at + dotted, "[key]")), at + dotted);
    }
    if run.eq_ignore_ascii_case(b"bearer") || run.eq_ignore_ascii_case(b"basic") {
        return match credential(rest.get(length..).unwrap_or_default()) {
            Some((skip, size)) => (Some((end + skip..end + skip + size, MASKED)), end + skip + size),
            None => (None, end),
        };
    }
    if text.get(at..end).is_some_and(names::in_text)
        && let Some((skip, size)) = assigned(rest.get(length..).unwrap_or_default())
    {
        return (Some((end + skip..end + skip + size, MASKED)), end + skip + size);
    }
    if is_token(run) {
        return (Some((at..end, "[token]")), end);
    }
    (None, end)
}

/// The length of a domain name with at least one dot.
fn domain(bytes: &[u8]) -> Option<usize> {
    let length = bytes
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')))
        .unwrap_or(bytes.len());
    let name = bytes.get(..length)?;
    let length = length - name.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let name = name.get(..length)?;
    let last = name.rsplit(|byte| *byte == b'.').next()?;
    (last.len() < name.len() && last.len() >= 2).then_some(length)
}

/// After `Bearer` or `Basic`: spaces, then at least 8 characters of a credential, as `(skip, length)`.
fn credential(rest: &[u8]) -> Option<(usize, usize)> {
    let skip = rest.iter().take_while(|byte| **byte == b' ').count();
    let token = rest.get(skip..)?;
    let size =
        token.iter().take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')).count();
    let odd = token.get(..size)?.iter().any(|byte| !byte.is_ascii_alphabetic());
    (skip > 0 && size >= 8 && odd).then_some((skip, size))
}

/// After a sensitive name: `=` or `:` and the value up to the next separator, as `(skip, length)`.
fn assigned(rest: &[u8]) -> Option<(usize, usize)> {
    let opening = |bytes: &[u8]| bytes.iter().take_while(|byte| matches!(byte, b'"' | b'\'' | b' ' | b'\\')).count();
    let before = opening(rest);
    if !matches!(rest.get(before), Some(b'=' | b':')) {
        return None;
    }
    let skip = before + 1 + opening(rest.get(before + 1..).unwrap_or_default());
    let quoted = matches!(rest.get(skip.wrapping_sub(1)), Some(b'"' | b'\''));
    let value = rest.get(skip..)?;
    let mut size = value
        .iter()
        .take_while(|byte| match byte {
            b'"' | b'\'' | b'&' | b'\n' | b'\r' => false,
            b' ' | b',' | b';' | b'}' | b')' => quoted,
            _ => true,
        })
        .count();
    // `Authorization: Bearer x`: the scheme's name is not the secret.
    let scheme = value.get(..size).unwrap_or_default();
    if (scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic"))
        && let Some((space, length)) = credential_after(value, size)
    {
        size += space + length;
    }
    (size > 0 && value.get(..size) != Some(MASKED.as_bytes())).then_some((skip, size))
}

fn credential_after(value: &[u8], scheme: usize) -> Option<(usize, usize)> {
    let rest = value.get(scheme..)?;
    let space = rest.iter().take_while(|byte| **byte == b' ').count();
    let length = rest.get(space..)?.iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'"').count();
    (space > 0 && length > 0).then_some((space, length))
}

/// Whether a run looks random: long, of mixed letters and digits, or long hexadecimal.
fn is_token(run: &[u8]) -> bool {
    if run.len() >= HEX_BYTES && run.iter().all(u8::is_ascii_hexdigit) {
        return true;
    }
    if run.len() < TOKEN_BYTES || run.iter().filter(|byte| matches!(byte, b'-' | b'_')).count() * 6 > run.len() {
        return false;
    }
    let count = |of: fn(&u8) -> bool| run.iter().filter(|byte| of(byte)).count();
    count(u8::is_ascii_uppercase) >= 3 && count(u8::is_ascii_lowercase) >= 3 && count(u8::is_ascii_digit) >= 3
}
