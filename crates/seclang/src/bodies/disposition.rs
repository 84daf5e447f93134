//! `Content-Disposition` of a part (RFC 7578 4.2), read as leniently as servers do, with what was odd about it.

/// What it says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Disposition {
    /// `name`
    pub(crate) name: Option<Vec<u8>>,
    /// `filename`
    pub(crate) filename: Option<Vec<u8>>,
    /// A single quote began a value.
    pub(crate) odd_quoting: bool,
    /// A `;` was missing.
    pub(crate) missing_semicolon: bool,
    /// It cannot be read, or names something twice.
    pub(crate) invalid: bool,
}

/// Reads the value of the field.
pub(crate) fn parse(value: &[u8]) -> Disposition {
    let mut out = Disposition::default();
    let value = value.trim_ascii();
    let Some(mut rest) = value.get(..9).filter(|kind| kind.eq_ignore_ascii_case(b"form-data")).and(value.get(9..))
    else {
        out.invalid = true;
        return out;
    };
    loop {
        rest = rest.trim_ascii_start();
        match rest.split_first() {
            None => return out,
            Some((b';', after)) => rest = after.trim_ascii_start(),
            Some(_) => out.missing_semicolon = true,
        }
        if rest.is_empty() {
            return out;
        }
        let length = rest.iter().take_while(|byte| !matches!(byte, b'=' | b';' | b' ' | b'\t')).count();
        let name = rest.get(..length).unwrap_or_default().to_ascii_lowercase();
        rest = rest.get(length..).unwrap_or_default().trim_ascii_start();
        let Some(after) = rest.strip_prefix(b"=") else {
            out.invalid = true;
            return out;
        };
        let (parameter, left) = parameter(after.trim_ascii_start(), &mut out);
        rest = left;
        let slot = match name.as_slice() {
            b"name" => &mut out.name,
            b"filename" => &mut out.filename,
            b"filename*" => {
                // RFC 5987: charset'language'value.
                let text = parameter.splitn(3, |byte| *byte == b'\'').last().unwrap_or_default();
                out.filename.get_or_insert_with(|| super::form::decode_path(text));
                continue;
            }
            _ => continue,
        };
        if slot.is_some() {
            out.invalid = true;
            return out;
        }
        *slot = Some(parameter);
    }
}

fn parameter<'a>(rest: &'a [u8], out: &mut Disposition) -> (Vec<u8>, &'a [u8]) {
    let Some(quoted) = rest.strip_prefix(b"\"") else {
        out.odd_quoting |= rest.first() == Some(&b'\'');
        let length = rest.iter().take_while(|byte| **byte != b';').count();
        let value = rest.get(..length).unwrap_or_default().trim_ascii_end();
        return (value.to_vec(), rest.get(length..).unwrap_or_default());
    };
    let mut value = Vec::new();
    let mut at = quoted;
    while let Some((byte, after)) = at.split_first() {
        at = after;
        match byte {
            b'"' => return (value, at),
            b'\\' if matches!(after.first(), Some(b'"' | b'\\')) => {
                value.extend(after.first());
                at = after.get(1..).unwrap_or_default();
            }
            other => value.push(*other),
        }
    }
    out.invalid = true;
    (value, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_oddities_told() {
        let plain = parse(b"form-data; name=\"a\\\"b\"; filename=\"c;d.txt\"");
        assert_eq!((plain.name.as_deref(), plain.filename.as_deref()), (Some(&b"a\"b"[..]), Some(&b"c;d.txt"[..])));
        assert!(!plain.invalid && !plain.missing_semicolon && !plain.odd_quoting);
        assert!(parse(b"form-data; name='a'").odd_quoting);
        assert!(parse(b"form-data name=\"a\"").missing_semicolon);
        assert!(parse(b"form-data; name=\"a\"; name=\"b\"").invalid);
        assert!(parse(b"attachment; name=a").invalid);
        assert_eq!(parse(b"form-data; filename*=UTF-8''a%20b").filename.unwrap(), b"a b");
    }
}
