//! Backslash escapes of JavaScript and of C.

use super::{Cursor, narrow};

/// JavaScript: `\uHHHH`, `\xHH`, octal, and the letters; any other character loses its backslash.
pub(super) fn javascript(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(kind) = at.peek(0) else {
            out.push(byte);
            break;
        };
        match (kind, at.hex_pair(1), at.hex_pair(3)) {
            (b'u', Some(high), Some(low)) => {
                out.push(narrow(u16::from_be_bytes([high, low]), &[]));
                at.skip(5);
            }
            (b'x', Some(decoded), _) => {
                out.push(decoded);
                at.skip(3);
            }
            (b'0'..=b'7', ..) => out.push(octal(&mut at)),
            _ => {
                out.push(letter(kind).unwrap_or(kind));
                at.skip(1);
            }
        }
    }
    Some(out)
}

/// Up to three octal digits, as long as they fit in a byte.
fn octal(at: &mut Cursor<'_>) -> u8 {
    let digits = (0..3).take_while(|ahead| matches!(at.peek(*ahead), Some(b'0'..=b'7'))).count();
    let digits = if digits == 3 && at.peek(0) > Some(b'3') { 2 } else { digits };
    let mut value = 0_u8;
    for _ in 0..digits {
        value = value << 3 | (at.next().unwrap_or(b'0') - b'0');
    }
    value
}

const fn letter(kind: u8) -> Option<u8> {
    Some(match kind {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        _ => return None,
    })
}

/// C: the letters, `\\`, `\?`, quotes, `\xHH` and octal; any other character loses its backslash.
pub(super) fn ansi_c(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.next() {
        let Some(kind) = at.peek(0).filter(|_| byte == b'\\') else {
            out.push(byte);
            continue;
        };
        match (kind, at.hex_pair(1)) {
            (b'x' | b'X', Some(decoded)) => {
                out.push(decoded);
                at.skip(3);
            }
            (b'0'..=b'7', _) => {
                let digits = (0..3).take_while(|ahead| matches!(at.peek(*ahead), Some(b'0'..=b'7'))).count();
                let mut value = 0_u16;
                for _ in 0..digits {
                    value = value << 3 | u16::from(at.next().unwrap_or(b'0') - b'0');
                }
                out.push((value & 0xff) as u8);
            }
            _ => {
                out.push(letter(kind).unwrap_or(kind));
                at.skip(1);
            }
        }
    }
    Some(out)
}
