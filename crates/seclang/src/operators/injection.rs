//! SQL and script injection, by grammar (libinjection).

use super::Captured;
use crate::bytes::ByteSet;

const WORD: ByteSet = ByteSet::range(b'a', b'z').with(ByteSet::range(b'A', b'Z')).with(ByteSet::range(b'0', b'9'));

/// `@detectSQLi`: captures the fingerprint.
pub(super) fn sql(value: &[u8], captured: Option<&mut Captured>) -> bool {
    // One bare word or number is one token, and no fingerprint has only one.
    if value.is_empty() || value.iter().all(|byte| WORD.contains(*byte)) {
        return false;
    }
    let found = libinjectionrs::detect_sqli(value);
    if !found.is_injection() {
        return false;
    }
    if let (Some(captured), Some(print)) = (captured, found.fingerprint.as_ref()) {
        captured.push(print.to_string().into_bytes());
    }
    true
}

/// `@detectXSS`
pub(super) fn script(value: &[u8], captured: Option<&mut Captured>) -> bool {
    if value.is_empty() || value.iter().all(|byte| WORD.contains(*byte)) {
        return false;
    }
    let found = libinjectionrs::detect_xss(value).is_injection();
    if let (true, Some(captured)) = (found, captured) {
        captured.push(value.to_vec());
    }
    found
}
