//! Percent escapes, `%uXXXX` included (an old habit of some servers).

/// One layer undone; `None` when there is no escape.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut found = false;
    let mut rest = value;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        if let Some(code) = hex(tail.get(..2)) {
            out.extend(u8::try_from(code));
            rest = tail.get(2..).unwrap_or_default();
            found = true;
        } else if matches!(tail.first(), Some(b'u' | b'U'))
            && let Some(code) = hex(tail.get(1..5))
        {
            super::unicode::push(&mut out, code);
            rest = tail.get(5..).unwrap_or_default();
            found = true;
        } else {
            out.push(*byte);
        }
    }
    found.then_some(out)
}

/// The number that hexadecimal digits stand for.
pub(super) fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0_u32, |sum, byte| Some(sum << 4 | char::from(*byte).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(decode(b"a%27b%u0027%zz%"), Some(b"a'b'%zz%".to_vec()));
        assert_eq!(decode(b"100% sure"), None);
    }
}
