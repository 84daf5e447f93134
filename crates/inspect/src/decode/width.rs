//! Look-alikes that back ends turn into ASCII: full-width forms, typographic quotes, overlong UTF-8.

/// The text in ASCII; `None` when there is no look-alike.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut found = false;
    let mut rest = value;
    while let Some((byte, tail)) = rest.split_first() {
        match plain(*byte, tail) {
            Some((ascii, length)) => {
                out.push(ascii);
                rest = tail.get(length..).unwrap_or_default();
                found = true;
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    found.then_some(out)
}

/// The ASCII character that `first` and what follows look like, and how many bytes follow.
fn plain(first: u8, tail: &[u8]) -> Option<(u8, usize)> {
    match (first, tail) {
        // Overlong two- and three-byte forms of ASCII; not UTF-8, but some decoders take them.
        (0xc0 | 0xc1, [second @ 0x80..=0xbf, ..]) => Some(((first & 1) << 6 | (second & 0x3f), 1)),
        (0xe0, [second @ (0x80 | 0x81), third @ 0x80..=0xbf, ..]) => Some(((second & 1) << 6 | (third & 0x3f), 2)),
        // U+FF01 to U+FF5E.
        (0xef, [0xbc, third @ 0x81..=0xbf, ..]) => Some((third - 0x60, 2)),
        (0xef, [0xbd, third @ 0x80..=0x9e, ..]) => Some((third - 0x20, 2)),
        // Prime and modifier apostrophe become `'` in some databases.
        (0xca, [0xbc | 0xb9, ..]) => Some((b'\'', 1)),
        (0xe2, [0x80, 0xb2, ..]) => Some((b'\'', 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_become_ascii() {
        assert_eq!(decode("＜ｓcript＞ʼ".as_bytes()), Some(b"<script>'".to_vec()));
        assert_eq!(decode(b"\xc0\xae\xc0\xae\xc0\xaf"), Some(b"../".to_vec()));
        assert_eq!(decode(b"\xe0\x80\xaf"), Some(b"/".to_vec()));
        assert_eq!(decode("café ’".as_bytes()), None);
    }
}
