//! URL encoding.

use super::{Cursor, UnicodeMap, narrow};

/// `%HH` and `+`; what is no escape stays.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.next() {
        match byte {
            b'%' => match at.hex_pair(0) {
                Some(decoded) => {
                    out.push(decoded);
                    at.skip(2);
                }
                None => out.push(b'%'),
            },
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    Some(out)
}

/// As [`decode`], and `%uHHHH`.
pub(super) fn decode_uni(value: &[u8], map: &UnicodeMap) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.next() {
        match byte {
            b'%' if matches!(at.peek(0), Some(b'u' | b'U')) => match (at.hex_pair(1), at.hex_pair(3)) {
                (Some(high), Some(low)) => {
                    out.push(narrow(u16::from_be_bytes([high, low]), map));
                    at.skip(5);
                }
                _ => out.push(b'%'),
            },
            b'%' => match at.hex_pair(0) {
                Some(decoded) => {
                    out.push(decoded);
                    at.skip(2);
                }
                None => out.push(b'%'),
            },
            b'+' => out.push(b' '),
            other => out.push(other),
        }
    }
    Some(out)
}

/// Everything but letters, digits and `*`, with `+` for a space.
pub(super) fn encode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value {
        match byte {
            b' ' => out.push(b'+'),
            b'*' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => out.push(*byte),
            other => out.extend_from_slice(format!("%{other:02x}").as_bytes()),
        }
    }
    Some(out)
}
