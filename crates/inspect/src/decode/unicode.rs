//! Backslash escapes of JavaScript, CSS and shells: `\uXXXX`, `\u{X}`, `\xHH`, `\NNN`.

use super::percent::hex;

/// One layer undone; `None` when there is no escape.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut found = false;
    let mut rest = value;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'\\'
            && let Some((code, length)) = escape(tail)
        {
            push(&mut out, code);
            rest = tail.get(length..).unwrap_or_default();
            found = true;
        } else {
            out.push(*byte);
        }
    }
    found.then_some(out)
}

fn escape(tail: &[u8]) -> Option<(u32, usize)> {
    match tail.first()? {
        b'u' | b'U' => {
            if tail.get(1) == Some(&b'{') {
                let length = tail.get(2..)?.iter().take(7).position(|byte| *byte == b'}')?;
                return Some((hex(tail.get(2..2 + length)).filter(|_| length > 0)?, length + 3));
            }
            Some((hex(tail.get(1..5))?, 5))
        }
        b'x' | b'X' => Some((hex(tail.get(1..3))?, 3)),
        b'0'..=b'3' => {
            let digits = tail.get(..3)?;
            let code = digits.iter().try_fold(0_u32, |sum, byte| Some(sum << 3 | char::from(*byte).to_digit(8)?))?;
            Some((code, 3))
        }
        _ => None,
    }
}

/// Appends a code point as UTF-8; half a surrogate pair becomes `?`.
pub(super) fn push(out: &mut Vec<u8>, code: u32) {
    let character = char::from_u32(code).unwrap_or('?');
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        assert_eq!(decode(br"\u003cb\x3e\u{27}\074"), Some(b"<b>'<".to_vec()));
        assert_eq!(decode(br"C:\temp\new"), None);
    }
}
