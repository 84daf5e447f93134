//! Parity bits of seven-bit text.

fn with_parity(byte: u8, odd: bool) -> u8 {
    let low = byte & 0x7f;
    if (low.count_ones() % 2 == 1) == odd { low } else { low | 0x80 }
}

/// With even parity.
pub(super) fn even(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.iter().map(|byte| with_parity(*byte, false)).collect())
}

/// With odd parity.
pub(super) fn odd(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.iter().map(|byte| with_parity(*byte, true)).collect())
}

/// Without parity.
pub(super) fn zero(value: &[u8]) -> Option<Vec<u8>> {
    Some(value.iter().map(|byte| byte & 0x7f).collect())
}
