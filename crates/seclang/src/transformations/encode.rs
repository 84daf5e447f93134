//! Base64 and hexadecimal.

use super::{Cursor, hex_digit};

const fn sextet(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    } as u32)
}

/// As far as the alphabet reaches; what follows it is dropped.
pub(super) fn base64_decode(value: &[u8]) -> Option<Vec<u8>> {
    Some(decode(value.iter().map_while(|byte| sextet(*byte))))
}

/// Skips what is not of the alphabet.
pub(super) fn base64_decode_lenient(value: &[u8]) -> Option<Vec<u8>> {
    Some(decode(value.iter().filter_map(|byte| sextet(*byte))))
}

fn decode(sextets: impl Iterator<Item = u32>) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for sextet in sextets {
        bits = bits << 6 | sextet;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

/// Standard alphabet, padded.
pub(super) fn base64_encode(value: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    Some(base64::engine::general_purpose::STANDARD.encode(value).into_bytes())
}

/// Pairs of digits; another character counts as zero, as in ModSecurity.
pub(super) fn hex_decode(value: &[u8]) -> Option<Vec<u8>> {
    let (pairs, _) = value.as_chunks::<2>();
    let digit = |byte: u8| hex_digit(byte).unwrap_or_default();
    Some(pairs.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect())
}

/// Lower-case digits.
pub(super) fn hex_encode(value: &[u8]) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    Some(value.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
}

/// `0xHH...`, as SQL writes strings.
pub(super) fn sql_hex_decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.next() {
        if byte != b'0' || !matches!(at.peek(0), Some(b'x' | b'X')) || at.hex_pair(1).is_none() {
            out.push(byte);
            continue;
        }
        at.skip(1);
        while let Some(decoded) = at.hex_pair(0) {
            out.push(decoded);
            at.skip(2);
        }
    }
    Some(out)
}
