//! White space and NUL bytes.

/// White space, the non-breaking space of Latin-1 included.
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0xa0)
}

/// Every run of white space as one space.
pub(super) fn compress(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut space = false;
    for byte in value {
        if !is_space(*byte) {
            out.push(*byte);
        } else if !space {
            out.push(b' ');
        }
        space = is_space(*byte);
    }
    Some(out)
}

/// The value without some bytes.
pub(super) fn without(value: &[u8], drop: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    // Each byte is written, and written over by the next one where it is dropped: no branch to be guessed.
    let mut out = vec![0; value.len()];
    let mut end = 0;
    for byte in value {
        if let Some(place) = out.get_mut(end) {
            *place = *byte;
        }
        end += usize::from(!drop(*byte));
    }
    out.truncate(end);
    Some(out)
}

/// NUL bytes as spaces.
pub(super) fn replace_nulls(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect())
}

/// Without white space at its ends.
pub(super) fn trim(value: &[u8], left: bool, right: bool) -> Option<Vec<u8>> {
    let mut rest = value;
    while let [first, others @ ..] = rest {
        if !left || !is_space(*first) {
            break;
        }
        rest = others;
    }
    while let [others @ .., last] = rest {
        if !right || !is_space(*last) {
            break;
        }
        rest = others;
    }
    Some(rest.to_vec())
}
