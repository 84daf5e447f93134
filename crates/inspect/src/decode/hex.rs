//! Hexadecimal digits that hold a text: `3c7363726970743e`, `0x2f6574632f706173737764`.

/// Fewest digits: shorter ones are numbers, colours and checksums of few bytes.
const SHORTEST: usize = 16;
const LONGEST: usize = 64 * 1024;
/// Bytes by which text is told from anything else.
const SAMPLE: usize = 12;

/// What the digits hold; `None` when they are no digits, or hold neither a text nor a serialised object.
pub(super) fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let digits = digits(value)?;
    let out = bytes(digits);
    (super::base64::is_text(&out) || super::base64::has_magic(&out)).then_some(out)
}

/// Whether a value looks like hexadecimal digits that hold a text or a serialised object: a cheap look at its beginning.
pub(crate) fn is_hex_text(value: &[u8]) -> bool {
    let Some(digits) = digits(value) else { return false };
    let sample = bytes(digits.get(..SAMPLE * 2).unwrap_or(digits));
    super::base64::is_text(&sample) || super::base64::has_magic(&sample)
}

fn digits(value: &[u8]) -> Option<&[u8]> {
    let digits = value.strip_prefix(b"0x").or_else(|| value.strip_prefix(b"0X")).unwrap_or(value);
    // A number is made of digits too, but of decimal ones only.
    let fits = digits.len() >= SHORTEST
        && digits.len() <= LONGEST
        && digits.len().is_multiple_of(2)
        && digits.iter().all(u8::is_ascii_hexdigit)
        && digits.iter().any(u8::is_ascii_alphabetic);
    fits.then_some(digits)
}

fn bytes(digits: &[u8]) -> Vec<u8> {
    digits
        .chunks_exact(2)
        .filter_map(|pair| super::percent::hex(Some(pair)).and_then(|byte| u8::try_from(byte).ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_and_other_digits_left() {
        assert_eq!(decode(b"3c7363726970743e616c").as_deref(), Some(&b"<script>al"[..]));
        assert_eq!(decode(b"0x2f6574632f706173737764").as_deref(), Some(&b"/etc/passwd"[..]));
        assert!(decode(b"aced0005737200116a617661").is_some_and(|bytes| bytes.starts_with(b"\xac\xed")));
        assert!(is_hex_text(b"3c7363726970743e616c"));
        for other in
            ["d41d8cd98f00b204e9800998ecf8427e", "0190b7a45c3f7d559c1e0f6a5b1c2d3e", "1234567890123456", "deadbeef"]
        {
            assert_eq!(decode(other.as_bytes()), None, "{other}");
            assert!(!is_hex_text(other.as_bytes()), "{other}");
        }
    }
}
