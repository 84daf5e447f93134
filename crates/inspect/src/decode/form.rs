//! Spaces that a form wrote as `+`, in a value that was encoded more often than it is decoded before it comes here.

/// One layer undone; `None` for a value with spaces of its own, or without marks that tell more than words in it.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let pluses = memchr::memchr_iter(b'+', value).count();
    let telling =
        |byte: &u8| matches!(byte, b'\'' | b'"' | b'=' | b'(' | b'<' | b'|' | b';' | b'&' | b'`' | b'*' | b'-' | b',');
    let single = pluses >= 2 && !value.contains(&b' ') && (6..=4096).contains(&value.len());
    // A run of Base64 has `+` too, and at most `=` at its end beside it.
    let marks = value.iter().filter(|byte| telling(byte) && **byte != b'=').count();
    (single && (marks > 0 || pluses * 8 > value.len()))
        .then(|| value.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_of_a_form_are_undone() {
        assert_eq!(decode(b"1'+or+1=1--"), Some(b"1' or 1=1--".to_vec()));
        assert_eq!(decode(b"1++union++select++a"), Some(b"1  union  select  a".to_vec()));
        for other in ["a + b + c", "c++", "JyBPUiAx+TEgLS0+JyBPUiAxPTEg+LS0=", "1+1"] {
            assert_eq!(decode(other.as_bytes()), None, "{other}");
        }
    }
}
