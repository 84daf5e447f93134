//! Base64, standard and URL-safe, when it holds text.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::detect::Classes;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

const SHORTEST: usize = 8;
const LONGEST: usize = 64 * 1024;
/// Bytes by which text is told from anything else.
const SAMPLE: usize = 48;
/// What compressed data and serialised objects begin with; see `inflate` and the detector `deserialization`.
const MAGIC: &[&[u8]] = &[
    b"\x1f\x8b\x08",
    b"\x78\x01",
    b"\x78\x5e",
    b"\x78\x9c",
    b"\x78\xda",
    b"\xac\xed\x00\x05",
    b"\x00\x01\x00\x00\x00\xff\xff\xff\xff",
    b"\x80\x02",
    b"\x80\x03",
    b"\x80\x04\x95",
    b"\x80\x05\x95",
    b"\x04\x08o:",
    b"\x04\x08[",
    b"\x04\x08{",
];

/// What `value`, or the data in a `data:` URL, holds; `None` when it is not Base64 of a text.
pub(super) fn decode(value: &[u8], classes: Classes) -> Option<Vec<u8>> {
    let odd = Classes::QUOTE
        .and(Classes::ANGLE)
        .and(Classes::PAREN)
        .and(Classes::BRACE)
        .and(Classes::PERCENT)
        .and(Classes::BACKSLASH)
        .and(Classes::AMPERSAND)
        .and(Classes::DOLLAR)
        .and(Classes::CONTROL)
        .and(Classes::HIGH);
    if value.len() < SHORTEST || value.len() > LONGEST || classes.any(odd) || !classes.any(Classes::LETTER) {
        return None;
    }
    let data = match value.strip_prefix(b"data:") {
        Some(url) => {
            let start = memchr::memmem::find(url, b";base64,")? + 8;
            url.get(start..)?
        }
        None => value,
    };
    if classes.any(Classes::LINE) {
        let joined: Vec<u8> = data.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
        return text_of(&joined);
    }
    if classes.any(Classes::SPACE) {
        // A form decodes `+` to a space; a text has more of them than Base64 has `+`.
        let data = data.trim_ascii();
        let spaces = data.iter().filter(|byte| **byte == b' ').count();
        if spaces * 12 > data.len() {
            return None;
        }
        let restored: Vec<u8> = data.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte }).collect();
        return text_of(&restored);
    }
    text_of(data)
}

fn text_of(data: &[u8]) -> Option<Vec<u8>> {
    let body = data.get(..data.len() - data.iter().rev().take_while(|byte| **byte == b'=').count())?;
    if body.len() < SHORTEST - 2 || body.len() % 4 == 1 {
        return None;
    }
    let (mut standard, mut url_safe, mut upper, mut lower, mut digit) = (false, false, false, false, false);
    for byte in body {
        match byte {
            b'A'..=b'Z' => upper = true,
            b'a'..=b'z' => lower = true,
            b'0'..=b'9' => digit = true,
            b'+' | b'/' => standard = true,
            b'-' | b'_' => url_safe = true,
            _ => return None,
        }
    }
    // A word, a number or an identifier in one case is not Base64 of a text: that mixes cases.
    if !(upper && lower) || standard && url_safe || !digit && body.len() < 12 {
        return None;
    }
    let engine = if url_safe { &URL_SAFE } else { &STANDARD };
    // Most values that are no text show it early: look at the beginning before decoding all.
    let sample = engine.decode(body.get(..SAMPLE).unwrap_or(body)).ok()?;
    if !is_text(&sample) && !has_magic(&sample) {
        return None;
    }
    let out = engine.decode(body).ok()?;
    (is_text(&out) || has_magic(&out)).then_some(out)
}

/// Whether bytes begin as compressed data or a serialised object does.
pub(super) fn has_magic(bytes: &[u8]) -> bool {
    MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

pub(super) fn is_text(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)).count();
    !bytes.is_empty() && odd * 20 <= bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(value: &str) -> Option<String> {
        decode(value.as_bytes(), Classes::of(value.as_bytes()))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn texts_are_found() {
        assert_eq!(decoded("JyBPUiAxPTEgLS0=").as_deref(), Some("' OR 1=1 --"));
        assert_eq!(decoded("JyBPUiAxPTEgLS0").as_deref(), Some("' OR 1=1 --"));
        assert_eq!(decoded("PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==").as_deref(), Some("<script>alert(1)</script>"));
        assert_eq!(decoded("data:text/html;base64,PHNjcmlwdD4x").as_deref(), Some("<script>1"));
    }

    #[test]
    fn other_values_are_not_decoded() {
        for value in [
            "0190b7a4-5c3f-7d55-9c1e-0f6a5b1c2d3e",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "application",
            "d41d8cd98f00b204e9800998ecf8427e",
            "two words",
            "12345678",
            "JohnSmithson",
        ] {
            assert_eq!(decoded(value), None, "{value}");
        }
    }
}
