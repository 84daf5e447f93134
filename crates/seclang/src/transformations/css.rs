//! CSS escapes (CSS Syntax 4.3.7, as old browsers read them).

use super::{Cursor, narrow};

/// A backslash before up to six hexadecimal digits, before a line end, or before any other character.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let digits = (0..6).take_while(|ahead| at.hex(*ahead).is_some()).count();
        if digits > 0 {
            out.push(code(&at, digits));
            at.skip(digits);
            if at.peek(0).is_some_and(|next| next.is_ascii_whitespace() || next == 0x0b) {
                at.skip(1);
            }
        } else if at.peek(0) == Some(b'\n') {
            at.skip(1);
        } else if let Some(next) = at.next() {
            out.push(next);
        }
    }
    Some(out)
}

/// The last two digits count; four or more are checked for full-width ASCII.
fn code(at: &Cursor<'_>, digits: usize) -> u8 {
    if digits == 1 {
        return at.hex(0).unwrap_or_default();
    }
    let low = at.hex_pair(digits - 2).unwrap_or_default();
    if digits < 4 {
        return low;
    }
    let high = at.hex_pair(digits - 4).unwrap_or_default();
    let leading = digits == 4 || (0..digits - 4).all(|ahead| at.hex(ahead) == Some(0));
    if leading { narrow(u16::from_be_bytes([high, low]), &[]) } else { low }
}
