//! Multipart forms (RFC 7578, RFC 2046 5.1), with the strictness flags of ModSecurity: what another reader could take
//! differently is told, so that a rule can refuse it.

use super::disposition::{self, Disposition};

/// Most parts.
const MOST_PARTS: usize = 1000;
/// Most fields of one part.
const MOST_FIELDS: usize = 64;

/// One part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// `name`
    pub(crate) name: Vec<u8>,
    /// `filename`; a part without one is an argument.
    pub(crate) filename: Option<Vec<u8>>,
    /// Its fields, each as one line.
    pub(crate) fields: Vec<Vec<u8>>,
    /// Content.
    pub(crate) content: Vec<u8>,
}

/// What was odd.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) boundary_quoted: bool,
    pub(crate) boundary_whitespace: bool,
    pub(crate) data_before: bool,
    pub(crate) data_after: bool,
    pub(crate) header_folding: bool,
    pub(crate) invalid_header_folding: bool,
    pub(crate) lf_line: bool,
    pub(crate) crlf_line: bool,
    pub(crate) missing_semicolon: bool,
    pub(crate) invalid_quoting: bool,
    pub(crate) invalid_part: bool,
    pub(crate) unmatched_boundary: bool,
    pub(crate) file_limit_exceeded: bool,
}

impl Flags {
    /// Whether any of those counts that `MULTIPART_STRICT_ERROR` stands for.
    pub(crate) const fn strict(&self) -> bool {
        self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.invalid_header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.file_limit_exceeded
    }
}

/// A form that was read as far as it could be.
#[derive(Debug, Default)]
pub(crate) struct Form {
    /// Parts, in order.
    pub(crate) parts: Vec<Part>,
    /// What was odd.
    pub(crate) flags: Flags,
    /// Why it could not be read to its end.
    pub(crate) problem: Option<String>,
}

/// Reads a form.
pub(crate) fn read(content_type: &[u8], raw: &[u8], most_files: usize) -> Form {
    let mut form = Form::default();
    let Some(boundary) = boundary(content_type, &mut form.flags) else {
        form.problem = Some("expected a boundary".to_owned());
        return form;
    };
    if raw.is_empty() {
        return form;
    }
    form.problem =
        Reader { form: &mut form, boundary, part: None, in_fields: false, ended: false, files: 0, most_files }
            .run(raw)
            .err();
    form
}

/// The boundary (RFC 2046 5.1.1); `None` when there is none that could be one.
fn boundary(content_type: &[u8], flags: &mut Flags) -> Option<Vec<u8>> {
    let lower = content_type.to_ascii_lowercase();
    let start = memchr::memmem::find(&lower, b"boundary")?;
    let before = content_type.get(..start)?.trim_ascii_end();
    if !before.ends_with(b";") && !before.ends_with(b",") {
        return None;
    }
    let rest = content_type.get(start + 8..)?;
    let equals = memchr::memchr(b'=', rest)?;
    if !rest.get(..equals)?.trim_ascii().is_empty() {
        return None;
    }
    let value = rest.get(equals + 1..)?;
    flags.boundary_whitespace |= equals > 0 || value.first().is_some_and(u8::is_ascii_whitespace);
    let value = value.trim_ascii();
    let value = match value.strip_prefix(b"\"") {
        Some(quoted) => {
            flags.boundary_quoted = true;
            let end = memchr::memchr(b'"', quoted)?;
            quoted.get(..end)?
        }
        None => value.split(|byte| matches!(byte, b';' | b',')).next()?.trim_ascii(),
    };
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? !#$&*;<>@[]^`{|}~%".contains(byte);
    flags.boundary_whitespace |= value.contains(&b' ');
    (!value.is_empty() && value.len() <= 200 && value.iter().all(allowed)).then(|| value.to_vec())
}

struct Reader<'f> {
    form: &'f mut Form,
    boundary: Vec<u8>,
    part: Option<Part>,
    in_fields: bool,
    ended: bool,
    files: usize,
    most_files: usize,
}

impl Reader<'_> {
    fn run(mut self, raw: &[u8]) -> Result<(), String> {
        let mut rest = raw;
        // The line end before a boundary belongs to the boundary.
        let mut held: &[u8] = b"";
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, b""));
            rest = after;
            let (text, line_end) = split_line_end(line);
            if let Some(last) = self.is_boundary(text) {
                self.count_line(line_end);
                held = b"";
                self.finish_part()?;
                if self.ended {
                    return Err("expected nothing after the last boundary".to_owned());
                }
                if last {
                    self.ended = true;
                } else if self.form.parts.len() >= MOST_PARTS {
                    return Err(format!("expected at most {MOST_PARTS} parts"));
                } else {
                    self.part = Some(Part::default());
                    self.in_fields = true;
                }
                continue;
            }
            if text.starts_with(b"--") && text.len() > 2 && text.iter().skip(2).any(u8::is_ascii_alphanumeric) {
                self.form.flags.unmatched_boundary = true;
            }
            if self.ended {
                self.form.flags.data_after |= !text.trim_ascii().is_empty();
            } else if self.part.is_none() {
                self.form.flags.data_before |= !text.is_empty();
            } else if self.in_fields {
                self.count_line(line_end);
                self.field(text)?;
            } else if let Some(part) = &mut self.part {
                part.content.extend_from_slice(held);
                part.content.extend_from_slice(text);
                held = line_end;
            }
        }
        if !self.ended {
            if let Some(part) = &mut self.part {
                part.content.extend_from_slice(held);
            }
            self.finish_part()?;
            return Err("expected a last boundary".to_owned());
        }
        Ok(())
    }

    /// Whether a line is a boundary, and if so whether it is the last.
    fn is_boundary(&self, text: &[u8]) -> Option<bool> {
        let rest = text.strip_prefix(b"--")?.strip_prefix(self.boundary.as_slice())?;
        if rest.trim_ascii().is_empty() {
            return Some(false);
        }
        rest.strip_prefix(b"--").is_some_and(|after| after.trim_ascii().is_empty()).then_some(true)
    }

    fn count_line(&mut self, line_end: &[u8]) {
        self.form.flags.lf_line |= line_end == b"\n";
        self.form.flags.crlf_line |= line_end == b"\r\n";
    }

    fn field(&mut self, text: &[u8]) -> Result<(), String> {
        let Some(part) = &mut self.part else { return Ok(()) };
        if text.is_empty() {
            self.in_fields = false;
            return self.describe();
        }
        if matches!(text.first(), Some(b' ' | b'\t')) {
            self.form.flags.header_folding = true;
            let Some(last) = part.fields.last_mut() else {
                self.form.flags.invalid_header_folding = true;
                return Err("expected a field of a part".to_owned());
            };
            last.push(b' ');
            last.extend_from_slice(text.trim_ascii());
            return Ok(());
        }
        if !text.contains(&b':') {
            self.form.flags.invalid_part = true;
            return Err("expected `:` in a field of a part".to_owned());
        }
        if part.fields.len() >= MOST_FIELDS {
            return Err(format!("expected at most {MOST_FIELDS} fields in a part"));
        }
        part.fields.push(text.to_vec());
        Ok(())
    }

    /// Reads what the fields of a part say of it.
    fn describe(&mut self) -> Result<(), String> {
        let Some(part) = &mut self.part else { return Ok(()) };
        let found = part.fields.iter().find_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let name = line.get(..colon)?.trim_ascii();
            name.eq_ignore_ascii_case(b"content-disposition").then(|| line.get(colon + 1..))?
        });
        let Some(value) = found else {
            self.form.flags.invalid_part = true;
            return Err("expected `Content-Disposition` in a part".to_owned());
        };
        let Disposition { name, filename, odd_quoting, missing_semicolon, invalid } = disposition::parse(value);
        self.form.flags.invalid_quoting |= odd_quoting;
        self.form.flags.missing_semicolon |= missing_semicolon;
        if invalid || name.is_none() {
            self.form.flags.invalid_part = true;
        }
        let named = name.is_some();
        part.name = name.unwrap_or_default();
        part.filename = filename;
        if part.filename.is_some() {
            self.files += 1;
            self.form.flags.file_limit_exceeded |= self.files > self.most_files;
        }
        if invalid && !named { Err("expected `Content-Disposition: form-data` with a name".to_owned()) } else { Ok(()) }
    }

    fn finish_part(&mut self) -> Result<(), String> {
        let Some(part) = self.part.take() else { return Ok(()) };
        if std::mem::take(&mut self.in_fields) {
            self.form.flags.invalid_part = true;
            return Err("expected an empty line after the fields of a part".to_owned());
        }
        self.form.parts.push(part);
        Ok(())
    }
}

fn split_line_end(line: &[u8]) -> (&[u8], &[u8]) {
    let text = line.strip_suffix(b"\n").map_or(line, |text| text.strip_suffix(b"\r").unwrap_or(text));
    (text, line.get(text.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FORM: &str = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n--x\r\nContent-Disposition: \
        form-data; name=\"f\"; filename=\"f.txt\"\r\nContent-Type: text/plain\r\n\r\nabc\r\n--x--\r\n";

    #[test]
    fn arguments_and_files_are_told_apart() {
        let form = read(b"multipart/form-data; boundary=x", FORM.as_bytes(), 10);
        assert_eq!(form.problem, None);
        assert!(!form.flags.strict() && !form.flags.unmatched_boundary);
        let [argument, file] = form.parts.as_slice() else { panic!("{form:?}") };
        assert_eq!((argument.name.as_slice(), argument.content.as_slice()), (&b"a"[..], &b"1\r\n2"[..]));
        assert_eq!((file.filename.as_deref(), file.content.as_slice()), (Some(&b"f.txt"[..]), &b"abc"[..]));
        assert_eq!(file.fields.len(), 2);
    }

    #[test]
    fn what_is_odd_is_told() {
        let flags = |content_type: &str, raw: &str| read(content_type.as_bytes(), raw.as_bytes(), 10).flags;
        let plain = "multipart/form-data; boundary=x";
        assert!(flags("multipart/form-data; boundary=\"x\"", FORM).boundary_quoted);
        assert!(flags("multipart/form-data; boundary= x", FORM).boundary_whitespace);
        assert!(flags(plain, &FORM.replace("\r\n", "\n")).lf_line);
        assert!(flags(plain, &format!("before\r\n{FORM}")).data_before);
        assert!(flags(plain, &format!("{FORM}after")).data_after);
        assert!(flags(plain, &FORM.replace("; filename", ";\r\n filename")).header_folding);
        assert!(flags(plain, &FORM.replace("name=\"a\"", "name='a'")).invalid_quoting);
        assert!(flags(plain, &FORM.replace("1\r\n2", "1\r\n--y\r\n2")).unmatched_boundary);
        assert!(read(plain.as_bytes(), FORM.trim_end_matches("--x--\r\n").as_bytes(), 10).problem.is_some());
        assert!(read(b"multipart/form-data", FORM.as_bytes(), 10).problem.is_some());
    }

    proptest! {
        #[test]
        fn anything_is_read_without_a_panic(raw in "[-x\r\n:; =\"a-f]{0,80}") {
            let _ = read(b"multipart/form-data; boundary=x", raw.as_bytes(), 10);
        }
    }
}
