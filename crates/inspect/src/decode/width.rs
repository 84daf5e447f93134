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
        // Circled digits, and full stops of other scripts: addresses are read through them (UTS 46).
        (0xe2, [0x91, third @ 0xa0..=0xa8, ..]) => Some((third - 0xa0 + b'1', 2)),
        (0xe2, [0x93, 0xaa, ..]) => Some((b'0', 2)),
        (0xe3, [0x80, 0x82, ..]) => Some((b'.', 2)),
        // Characters that become CR and LF where only the last byte of a code point is kept.
        (0xe5, [0x98, 0x8a, ..]) => Some((b'\n', 2)),
        (0xe5, [0x98, 0x8d, ..]) => Some((b'\r', 2)),
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
        assert_eq!(decode("①②⑦。⓪".as_bytes()), Some(b"127.0".to_vec()));
        assert_eq!(decode("a嘊b".as_bytes()), Some(b"a\nb".to_vec()));
        assert_eq!(decode("café ’".as_bytes()), None);
    }
}
