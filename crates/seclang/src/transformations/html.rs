//! HTML character references, as a browser that forgives reads them.

use super::Cursor;

/// `&#DD;`, `&#xHH;` and the names `quot`, `amp`, `lt`, `gt` and `nbsp`; the `;` may be missing.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut at = Cursor::new(value);
    while let Some(byte) = at.peek(0) {
        let found = (byte == b'&').then(|| reference(at.rest())).flatten();
        if let Some((decoded, length)) = found {
            out.push(decoded);
            at.skip(length);
            if at.peek(0) == Some(b';') {
                at.skip(1);
            }
        } else {
            out.push(byte);
            at.skip(1);
        }
    }
    Some(out)
}

/// The byte that a reference stands for, and its length without the `;`.
fn reference(rest: &[u8]) -> Option<(u8, usize)> {
    let rest = rest.strip_prefix(b"&")?;
    if let Some(number) = rest.strip_prefix(b"#") {
        let (digits, radix, before) = match number.first() {
            Some(b'x' | b'X') => (number.get(1..)?, 16, 3),
            _ => (number, 10, 2),
        };
        let length = digits.iter().take_while(|byte| char::from(**byte).is_digit(radix)).count();
        let text = std::str::from_utf8(digits.get(..length)?).ok().filter(|text| !text.is_empty())?;
        let code = text
            .chars()
            .fold(0_u32, |sum, digit| sum.wrapping_mul(radix).wrapping_add(digit.to_digit(radix).unwrap_or_default()));
        return Some(((code & 0xff) as u8, length + before));
    }
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let name = rest.get(..length)?;
    let named = [(&b"quot"[..], b'"'), (b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"nbsp", 0xa0)];
    let (_, byte) = named.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known))?;
    Some((byte, length + 1))
}
