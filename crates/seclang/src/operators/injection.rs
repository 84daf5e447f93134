//! SQL and script injection, by grammar (libinjection).

use super::Captured;
use crate::bytes::ByteSet;

const WORD: ByteSet = ByteSet::range(b'a', b'z').with(ByteSet::range(b'A', b'Z')).with(ByteSet::range(b'0', b'9'));

/// Longest value that is looked at whole. It takes hundreds of instructions a byte to fold tokens, and what is injected
/// shows where a value begins or ends: of a longer one, so many bytes are looked at there together.
const LONGEST_SQL: usize = 64 * 1024;

/// Whether no value is spared that would have been found.
pub(crate) fn agree(value: &[u8]) -> bool {
    (value.len() > LONGEST_SQL || sql(value, None) == libinjectionrs::detect_sqli(value).is_injection())
        && script(value, None) == libinjectionrs::detect_xss(value).is_injection()
}

/// `@detectSQLi`: captures the fingerprint.
pub(super) fn sql(value: &[u8], captured: Option<&mut Captured>) -> bool {
    // One bare word or number is one token, and no fingerprint has only one.
    if value.is_empty() || value.iter().all(|byte| WORD.contains(*byte)) {
        return false;
    }
    let whole = value.len() <= LONGEST_SQL;
    let ends = (value.get(..LONGEST_SQL / 2), value.get(value.len().saturating_sub(LONGEST_SQL / 2)..));
    let parts: [&[u8]; 2] = if whole { [value, b""] } else { [ends.0.unwrap_or(value), ends.1.unwrap_or(b"")] };
    let mut found = parts.into_iter().filter(|part| !part.is_empty()).map(libinjectionrs::detect_sqli);
    let Some(found) = found.find(libinjectionrs::DetectionResult::is_injection) else { return false };
    if let (Some(captured), Some(print)) = (captured, found.fingerprint.as_ref()) {
        captured.push(print.to_string().into_bytes());
    }
    true
}

/// `@detectXSS`
pub(super) fn script(value: &[u8], captured: Option<&mut Captured>) -> bool {
    // Tags, comments and declarations begin with `<`, and an attribute has no value without `=`.
    if memchr::memchr2(b'<', b'=', value).is_none() {
        return false;
    }
    let found = libinjectionrs::detect_xss(value).is_injection();
    if let (true, Some(captured)) = (found, captured) {
        captured.push(value.to_vec());
    }
    found
}
