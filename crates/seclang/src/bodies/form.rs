//! Arguments of a query or a form (WHATWG URL, 5.1), and cookies.

use super::Pairs;
use crate::transformations::hex_digit;

/// The arguments, at most `most`; whether some escape was broken; whether there were more.
pub(crate) fn arguments(raw: &[u8], separator: u8, most: usize) -> (Pairs, bool, bool) {
    let mut pairs = Pairs::new();
    let mut broken = false;
    for part in raw.split(|byte| *byte == separator).filter(|part| !part.is_empty()) {
        if pairs.len() >= most {
            return (pairs, broken, true);
        }
        let (name, value) = match memchr::memchr(b'=', part) {
            Some(equals) => (part.get(..equals).unwrap_or_default(), part.get(equals + 1..).unwrap_or_default()),
            None => (part, &b""[..]),
        };
        pairs.push((decode(name, &mut broken), decode(value, &mut broken)));
    }
    (pairs, broken, false)
}

fn decode(raw: &[u8], broken: &mut bool) -> Vec<u8> {
    if memchr::memchr2(b'%', b'+', raw).is_none() {
        return raw.to_vec();
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => match (after.first().copied().and_then(hex_digit), after.get(1).copied().and_then(hex_digit)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after.get(2..).unwrap_or_default();
                }
                _ => {
                    *broken = true;
                    out.push(b'%');
                }
            },
            other => out.push(*other),
        }
    }
    out
}

/// Percent escapes of a path; `+` stays.
pub(crate) fn decode_path(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let pair = (after.first().copied().and_then(hex_digit), after.get(1).copied().and_then(hex_digit));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                out.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => out.push(*byte),
        }
    }
    out
}

/// The cookies of one field (RFC 6265 4.2).
pub(crate) fn cookies(raw: &[u8], most: usize) -> Pairs {
    raw.split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii_start)
        .filter(|part| !part.is_empty())
        .take(most)
        .map(|part| match memchr::memchr(b'=', part) {
            Some(equals) => (
                part.get(..equals).unwrap_or_default().trim_ascii_end().to_vec(),
                part.get(equals + 1..).unwrap_or_default().to_vec(),
            ),
            None => (part.to_vec(), Vec::new()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_decoded_and_broken_escapes_told() {
        let (pairs, broken, more) = arguments(b"a=1+2&b%41&&c=%zz", b'&', 10);
        let expected: Pairs =
            [("a", "1 2"), ("bA", ""), ("c", "%zz")].map(|(name, value)| (name.into(), value.into())).into();
        assert_eq!(pairs, expected);
        assert!(broken && !more);
        assert!(arguments(b"a&b&c", b'&', 2).2);
    }

    #[test]
    fn cookies_are_split() {
        let expected: Pairs = [("a", "1=2"), ("b", "")].map(|(name, value)| (name.into(), value.into())).into();
        assert_eq!(cookies(b"a=1=2; b", 10), expected);
    }
}
