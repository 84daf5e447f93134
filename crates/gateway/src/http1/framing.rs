//! How a request's body is delimited (RFC 9112 6), without any of the leniency that lets two servers differ.

use stockade_model::{Framing, HttpVersion, Reason, Refusal};

use super::reasons;
use crate::normalise::{refusal, shown};

/// Decides the framing from the fields.
///
/// # Errors
/// Both framings, a repeated or odd length, a coding other than exactly one `chunked`.
pub(crate) fn framing(version: HttpVersion, fields: &[httparse::Header<'_>]) -> Result<Framing, Box<Refusal>> {
    let mut length: Option<&[u8]> = None;
    let mut coding: Option<&[u8]> = None;
    for field in fields {
        // The lengths are checked first, so that most names cost one comparison.
        if field.name.len() == 14 && field.name.eq_ignore_ascii_case("content-length") {
            if length.replace(field.value).is_some() {
                return Err(refusal(&reasons::CONTENT_LENGTH, "", "two `Content-Length` fields"));
            }
        } else if field.name.len() == 17
            && field.name.eq_ignore_ascii_case("transfer-encoding")
            && coding.replace(field.value).is_some()
        {
            return Err(refusal(&reasons::TRANSFER_ENCODING, "", "two `Transfer-Encoding` fields"));
        }
    }
    match (length, coding) {
        (None, None) => Ok(Framing::None),
        (Some(_), Some(_)) => Err(refusal(&reasons::CL_TE, "", "both framings are present")),
        (Some(text), None) => decimal(text).map(Framing::Length).ok_or_else(|| told(&reasons::CONTENT_LENGTH, text)),
        (None, Some(text)) => chunked(version, text),
    }
}

fn told(reason: &'static Reason, value: &[u8]) -> Box<Refusal> {
    refusal(reason, "", format!("value `{}`", shown(value)))
}

/// One plain number: digits without sign or leading zeros, that fits 63 bits.
pub(crate) fn decimal(text: &[u8]) -> Option<u64> {
    let plain =
        !text.is_empty() && text.iter().all(u8::is_ascii_digit) && (text.len() == 1 || text.first() != Some(&b'0'));
    if !plain {
        return None;
    }
    let number = std::str::from_utf8(text).ok()?.parse::<u64>().ok()?;
    i64::try_from(number).is_ok().then_some(number)
}

fn chunked(version: HttpVersion, text: &[u8]) -> Result<Framing, Box<Refusal>> {
    if version != HttpVersion::Http11 {
        return Err(told(&reasons::TRANSFER_ENCODING, text));
    }
    if text.eq_ignore_ascii_case(b"chunked") {
        return Ok(Framing::Chunked);
    }
    let known = [&b"gzip"[..], b"x-gzip", b"deflate", b"compress", b"x-compress"];
    if known.iter().any(|coding| text.eq_ignore_ascii_case(coding)) {
        return Err(told(&reasons::TRANSFER_CODING, text));
    }
    Err(told(&reasons::TRANSFER_ENCODING, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(version: HttpVersion, fields: &[(&str, &str)]) -> Result<Framing, &'static str> {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| httparse::Header { name, value: value.as_bytes() }).collect();
        framing(version, &fields).map_err(|refusal| refusal.reason.code)
    }

    const CL: &str = "Content-Length";
    const TE: &str = "Transfer-Encoding";

    #[test]
    fn ordinary_framings_are_understood() {
        let decide = |fields: &[(&str, &str)]| decide(HttpVersion::Http11, fields);
        assert_eq!(decide(&[("Host", "a")]), Ok(Framing::None));
        assert_eq!(decide(&[(CL, "0")]), Ok(Framing::Length(0)));
        assert_eq!(decide(&[("CONTENT-length", "42")]), Ok(Framing::Length(42)));
        assert_eq!(decide(&[(TE, "Chunked")]), Ok(Framing::Chunked));
    }

    #[test]
    fn both_framings_are_refused_in_either_order() {
        assert_eq!(decide(HttpVersion::Http11, &[(CL, "3"), (TE, "chunked")]), Err("framing.cl_te"));
        assert_eq!(decide(HttpVersion::Http11, &[(TE, "chunked"), (CL, "3")]), Err("framing.cl_te"));
    }

    #[test]
    fn odd_lengths_are_refused() {
        assert_eq!(decide(HttpVersion::Http11, &[(CL, "3"), (CL, "3")]), Err("framing.content_length"));
        for text in [
            "",
            "003",
            "00",
            "+3",
            "-0",
            "3, 3",
            "3,3",
            "0x3",
            "1 0",
            "3;",
            "1e3",
            "99999999999999999999",
            "9223372036854775808",
            "\u{661}",
        ] {
            assert_eq!(decide(HttpVersion::Http11, &[(CL, text)]), Err("framing.content_length"), "{text}");
        }
        assert_eq!(decide(HttpVersion::Http11, &[(CL, "9223372036854775807")]), Ok(Framing::Length(i64::MAX as u64)));
    }

    #[test]
    fn only_one_chunked_is_served() {
        for text in [
            "",
            "xchunked",
            "chunked, chunked",
            ",chunked",
            ", chunked",
            "chunked,",
            "gzip, chunked",
            "identity",
            "chunked;a=b",
            "chunked, gzip",
            "\u{b}chunked",
        ] {
            assert_eq!(decide(HttpVersion::Http11, &[(TE, text)]), Err("framing.transfer_encoding"), "{text}");
        }
        assert_eq!(decide(HttpVersion::Http11, &[(TE, "gzip")]), Err("framing.transfer_coding"));
        assert_eq!(decide(HttpVersion::Http10, &[(TE, "chunked")]), Err("framing.transfer_encoding"));
        let twice = [(TE, "chunked"), (TE, "chunked")];
        assert_eq!(decide(HttpVersion::Http11, &twice), Err("framing.transfer_encoding"));
    }
}
