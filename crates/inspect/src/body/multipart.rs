//! `multipart/form-data` (RFC 7578), read strictly: what parsers read differently is refused.

use memchr::memmem;

use super::media::parameter;
use super::reasons::{FORM_VALUES, MULTIPART_SYNTAX};
use super::{BodyError, BodyLimits, Part};

const PARTS: usize = 1000;
const HEAD_BYTES: usize = 4096;
const HEAD_LINES: usize = 16;

fn refuse(detail: impl Into<String>) -> BodyError {
    BodyError::new(&MULTIPART_SYNTAX, detail)
}

/// All parts; of an incomplete body those that came, the last one cut.
pub(super) fn parse(
    content_type: Option<&str>,
    bytes: &[u8],
    complete: bool,
    limits: &BodyLimits,
) -> Result<Vec<Part>, BodyError> {
    let boundary = boundary(content_type.unwrap_or_default())?;
    let opening = format!("--{boundary}");
    let delimiter = format!("\r\n--{boundary}");
    let most = PARTS.min(limits.json_values as usize);
    let mut parts = Vec::new();
    let Some(mut rest) = bytes.strip_prefix(opening.as_bytes()) else {
        return Err(refuse("expected the boundary at the beginning of the body"));
    };
    loop {
        if let Some(epilogue) = rest.strip_prefix(b"--") {
            return match epilogue {
                b"" | b"\r\n" => Ok(parts),
                _ => Err(refuse("expected nothing after the last boundary")),
            };
        }
        let Some(part) = rest.strip_prefix(b"\r\n") else {
            return if complete { Err(refuse("expected CR LF after a boundary")) } else { Ok(parts) };
        };
        if parts.len() >= most {
            return Err(BodyError::new(&FORM_VALUES, format!("expected at most {most} parts, got more")));
        }
        match memmem::find(part, delimiter.as_bytes()) {
            Some(end) => {
                parts.push(self::part(part.get(..end).unwrap_or_default())?);
                rest = part.get(end + delimiter.len()..).unwrap_or_default();
            }
            None if complete => return Err(refuse("expected a last boundary, got the end of the body")),
            None => {
                // The cut part is judged as far as its head is whole.
                parts.extend(self::part(part).ok());
                return Ok(parts);
            }
        }
    }
}

fn boundary(content_type: &str) -> Result<&str, BodyError> {
    let given = content_type
        .split(';')
        .skip(1)
        .filter(|parameter| parameter.trim_start().get(..8).is_some_and(|name| name.eq_ignore_ascii_case("boundary")))
        .count();
    let value = parameter(content_type, "boundary").unwrap_or_default();
    // RFC 2046 5.1.1: 1 to 70 of these characters. Without the rarer ones, since `,` `;` `"` split parsers.
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'\'' | b'(' | b')' | b'+' | b'_' | b'-' | b'.' | b'/' | b':' | b'=' | b'?')
    };
    if given != 1 || value.is_empty() || value.len() > 70 || !value.bytes().all(plain) {
        return Err(refuse("expected one boundary parameter of 1 to 70 plain characters"));
    }
    Ok(value)
}

fn part(bytes: &[u8]) -> Result<Part, BodyError> {
    let (head, content) = match memmem::find(bytes, b"\r\n\r\n") {
        Some(end) => (bytes.get(..end).unwrap_or_default(), bytes.get(end + 4..).unwrap_or_default()),
        None => return Err(refuse("expected an empty line after the fields of a part")),
    };
    if head.len() > HEAD_BYTES {
        return Err(refuse(format!("expected at most {HEAD_BYTES} bytes of fields in a part")));
    }
    let head = std::str::from_utf8(head).map_err(|_| refuse("expected UTF-8 in the fields of a part"))?;
    let mut disposition = None;
    let mut media_type = None;
    for (index, line) in head.split("\r\n").enumerate() {
        let Some((name, value)) = line.split_once(':') else {
            return Err(refuse("expected `name: value` in the fields of a part"));
        };
        let odd = name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if odd || index >= HEAD_LINES || value.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f) {
            return Err(refuse("odd fields in a part"));
        }
        let slot = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => &mut disposition,
            "content-type" => &mut media_type,
            "content-transfer-encoding" if !is_identity(value) => {
                return Err(refuse("content-transfer-encoding is not used in multipart/form-data"));
            }
            _ => continue,
        };
        if slot.replace(value.trim()).is_some() {
            return Err(refuse("a field of a part came twice"));
        }
    }
    let (name, file_name) = names(disposition.ok_or_else(|| refuse("expected content-disposition in a part"))?)?;
    let media_type = media_type.map(|value| value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase());
    Ok(Part { name, file_name, media_type, content: content.to_vec() })
}

fn is_identity(value: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|name| value.trim().eq_ignore_ascii_case(name))
}

/// `name` and `filename` of `form-data; name="a"; filename="b"`.
fn names(disposition: &str) -> Result<(String, Option<String>), BodyError> {
    let Some(kind) = disposition.get(..9).filter(|kind| kind.eq_ignore_ascii_case("form-data")) else {
        return Err(refuse("expected `form-data` in content-disposition"));
    };
    let mut rest = disposition.strip_prefix(kind).unwrap_or_default().trim_start();
    let (mut name, mut file_name, mut extended) = (None, None, None);
    while !rest.is_empty() {
        let Some((key, after)) = rest.strip_prefix(';').and_then(|rest| rest.split_once('=')) else {
            return Err(refuse("expected `; name=\"value\"` in content-disposition"));
        };
        let (value, after) = value(after)?;
        let slot = match key.trim().to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut file_name,
            "filename*" => &mut extended,
            _ => return Err(refuse("a parameter other than name and filename in content-disposition")),
        };
        if slot.replace(value).is_some() {
            return Err(refuse("a parameter of content-disposition came twice"));
        }
        rest = after.trim_start();
    }
    // `filename*` (RFC 5987) is not used here (RFC 7578 4.2) but sent by some clients; both forms are looked at.
    let file_name = match (file_name, extended) {
        (Some(plain), Some(extended)) => Some(format!("{plain} {}", decoded(&extended))),
        (plain, extended) => plain.or_else(|| extended.map(|value| decoded(&value))),
    };
    Ok((name.ok_or_else(|| refuse("expected a name in content-disposition"))?, file_name))
}

fn decoded(extended: &str) -> String {
    let value = extended.rsplit('\'').next().unwrap_or(extended);
    String::from_utf8_lossy(&stockade_model::canonical::percent_decode(value.as_bytes())).into_owned()
}

/// A quoted string or a token, and what follows it.
fn value(text: &str) -> Result<(String, &str), BodyError> {
    let Some(quoted) = text.trim_start().strip_prefix('"') else {
        let (token, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let token = token.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~%'*".contains(&byte);
        if token.is_empty() || !token.bytes().all(plain) {
            return Err(refuse("expected a quoted value in content-disposition"));
        }
        return Ok((token.to_owned(), rest));
    };
    let mut out = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Ok((out, quoted.get(at + 1..).unwrap_or_default())),
            // Browsers write `%22`; only `\"` and `\\` are read alike by all.
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => out.push(escaped),
                Some((_, other)) => out.extend(['\\', other]),
                None => break,
            },
            other => out.push(other),
        }
    }
    Err(refuse("expected a closing quote in content-disposition"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: Option<&str> = Some("multipart/form-data; boundary=xX");
    const LIMITS: BodyLimits =
        BodyLimits { json_depth: 8, json_values: 20, decompress_ratio: 100, decompressed_bytes: 1 << 20 };
    const GOOD: &str = "--xX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--xX\r\n\
        Content-Disposition: form-data; name=\"f\"; filename=\"a \\\"b\\\".txt\"\r\nContent-Type: Text/Plain; \
        charset=utf-8\r\n\r\ntwo\r\n\r\nthree\r\n--xX--\r\n";

    fn ok(body: &str) -> bool {
        parse(TYPE, body.as_bytes(), true, &LIMITS).is_ok()
    }

    #[test]
    fn parts_are_read() {
        let parts = parse(TYPE, GOOD.as_bytes(), true, &LIMITS).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].name.as_str(), parts[0].content.as_slice()), ("a", b"one".as_slice()));
        assert_eq!(parts[1].file_name.as_deref(), Some("a \"b\".txt"));
        assert_eq!(parts[1].media_type.as_deref(), Some("text/plain"));
        assert_eq!(parts[1].content, b"two\r\n\r\nthree");
        let quoted = Some("multipart/form-data; boundary=\"xX\"");
        assert_eq!(parse(quoted, GOOD.as_bytes(), true, &LIMITS).unwrap(), parts);
    }

    #[test]
    fn tricks_are_refused() {
        for (from, to) in [
            ("--xX\r\nContent", "preamble\r\n--xX\r\nContent"),
            ("--xX--\r\n", "--xX--\r\nmore"),
            ("--xX--\r\n", "--xX"),
            ("--xX--\r\n", ""),
            ("name=\"a\"", "name=\"a\"; name=\"b\""),
            ("name=\"a\"", "name=\"a"),
            ("name=\"a\"", "x=\"a\""),
            ("form-data; name=\"a\"", "attachment; name=\"a\""),
            ("Content-Disposition: form-data; name=\"a\"", "Content-Disposition : form-data; name=\"a\""),
            ("Content-Disposition: form-data; name=\"a\"", "Content-Disposition: form-data;\r\n name=\"a\""),
            ("Content-Type: Text/Plain", "Content-Transfer-Encoding: base64\r\nContent-Type: Text/Plain"),
            ("Content-Type: Text/Plain", "Content-Disposition: form-data; name=\"g\"\r\nContent-Type: Text/Plain"),
            ("\r\n\r\none", "\r\none"),
        ] {
            let body = GOOD.replacen(from, to, 1);
            assert_ne!(body, GOOD, "{from}");
            assert!(!ok(&body), "{from} -> {to}");
        }
        assert!(!ok(&GOOD.replace("\r\n", "\n")));
        for content_type in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=xX; boundary=yY",
            "multipart/form-data; boundary=xX; BOUNDARY=xX",
            "multipart/form-data; boundary=\"x X\"",
        ] {
            assert!(parse(Some(content_type), GOOD.as_bytes(), true, &LIMITS).is_err(), "{content_type}");
        }
    }

    #[test]
    fn the_first_part_of_a_stream_gives_the_parts_that_came() {
        let cut = GOOD.get(..GOOD.len() - 20).unwrap();
        let parts = parse(TYPE, cut.as_bytes(), false, &LIMITS).unwrap();
        assert_eq!(parts.len(), 2);
        assert!(parse(TYPE, cut.as_bytes(), true, &LIMITS).is_err());
    }

    #[test]
    fn the_number_of_parts_is_limited() {
        let body = "--xX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n".repeat(30) + "--xX--";
        let error = parse(TYPE, body.as_bytes(), true, &LIMITS).unwrap_err();
        assert_eq!(error.reason.code, "inspect.form_values");
    }
}
