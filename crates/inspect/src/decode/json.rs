//! JSON inside a string.

use serde_json::Value;

/// Bytes of JSON that are read.
const READ: usize = 64 * 1024;
/// Strings that are taken out.
const STRINGS: usize = 16;

/// The strings and keys of the JSON that `value` is; empty when it is none.
pub(super) fn decode(value: &[u8]) -> Vec<Vec<u8>> {
    let trimmed = value.trim_ascii();
    let closed = matches!((trimmed.first(), trimmed.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
    if !closed || trimmed.len() > READ || trimmed.len() < 5 || !trimmed.contains(&b'"') {
        return Vec::new();
    }
    let Ok(parsed) = serde_json::from_slice::<Value>(trimmed) else { return Vec::new() };
    let mut open = vec![&parsed];
    let mut out: Vec<Vec<u8>> = Vec::new();
    while let Some(node) = open.pop() {
        if out.len() >= STRINGS {
            break;
        }
        match node {
            Value::String(text) if !text.is_empty() => out.push(text.clone().into_bytes()),
            Value::Array(items) => open.extend(items.iter().rev()),
            Value::Object(entries) => {
                out.extend(entries.keys().filter(|key| !is_name(key)).map(|key| key.clone().into_bytes()));
                open.extend(entries.values());
            }
            _ => {}
        }
    }
    out
}

fn is_name(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_odd_keys_are_taken_out() {
        assert_eq!(decode(br#" {"a":["x"],"b<":1} "#), [b"b<".to_vec(), b"x".to_vec()]);
        assert!(decode(b"{not json}").is_empty());
        assert!(decode("[".repeat(1000).as_bytes()).is_empty());
    }
}
