//! UTF-8 as `%uHHHH`, so that one pattern can look for a character however it was encoded.

/// Every valid sequence of more than one byte as `%u` and four digits; other bytes stay.
pub(super) fn escape(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, others)) = rest.split_first() {
        match sequence(*first, others) {
            Some((code, length)) => {
                out.extend_from_slice(format!("%u{code:04x}").as_bytes());
                rest = others.get(length..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = others;
            }
        }
    }
    Some(out)
}

/// The code point and how many bytes follow the first; overlong forms are read too.
fn sequence(first: u8, others: &[u8]) -> Option<(u32, usize)> {
    let (length, mask) = match first {
        0xc0..=0xdf => (1, 0x1f),
        0xe0..=0xef => (2, 0x0f),
        0xf0..=0xf7 => (3, 0x07),
        _ => return None,
    };
    let mut code = u32::from(first & mask);
    for byte in others.get(..length)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    Some((code, length))
}
