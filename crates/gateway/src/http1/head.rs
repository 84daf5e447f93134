//! The grammar of a head: finds its end in a growing buffer, then takes it apart.
//!
//! `httparse` is lenient where RFC 9112 lets a recipient be (bare LF, leading blank lines); the scan before it is not.

use std::mem::MaybeUninit;

use stockade_model::plan::HttpLimitsPlan;
use stockade_model::{HttpVersion, Reason, Refusal};

use super::reasons;
use crate::normalise::reasons::{FIELD_TOO_LARGE, METHOD, TARGET_TOO_LONG, TOO_MANY_FIELDS};
use crate::normalise::{refusal, shown};

/// No method that is served is longer; an unbroken first line shows early that it is none.
const LONGEST_METHOD: usize = 32;
/// No field name that is served is longer.
const LONGEST_NAME: usize = 256;
/// Room on the stack for fields; the most that `header_count` can allow.
pub(crate) const MOST_FIELDS: usize = 256;

/// Where fields of a head are written to.
pub(crate) type Storage<'b> = [MaybeUninit<httparse::Header<'b>>; MOST_FIELDS];

/// Looks for the end of one head. Each byte is looked at once, however slowly it comes.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    /// Start of the line that is not whole yet.
    line: usize,
    /// Bytes of that line in which no LF was found.
    searched: usize,
    /// Whole lines before it.
    lines: usize,
}

impl Scanner {
    /// The length of the head, its blank line included, once `buffer` holds all of it.
    ///
    /// # Errors
    /// A line that breaks the grammar, or a limit passed, as soon as that can be told.
    pub(crate) fn scan(&mut self, buffer: &[u8], limits: &HttpLimitsPlan) -> Result<Option<usize>, Box<Refusal>> {
        loop {
            let rest = buffer.get(self.line..).unwrap_or_default();
            let unsearched = rest.get(self.searched..).unwrap_or_default();
            let Some(found) = memchr::memchr(b'\n', unsearched) else {
                self.searched = rest.len();
                self.check_size(buffer.len(), limits)?;
                // The CR of a line end that is not whole yet is no part of the line.
                self.check_unfinished(rest.strip_suffix(b"\r").unwrap_or(rest), limits)?;
                return Ok(None);
            };
            let end = self.searched + found;
            let Some(line) = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")) else {
                return Err(refusal(&reasons::GRAMMAR, "", "a line ends with a bare LF"));
            };
            let next = self.line + end + 1;
            self.check_size(next, limits)?;
            if self.check_line(line, limits)? {
                return Ok(Some(next));
            }
            self.line = next;
            self.searched = 0;
            self.lines += 1;
        }
    }

    fn check_size(&self, size: usize, limits: &HttpLimitsPlan) -> Result<(), Box<Refusal>> {
        if size <= limits.head_bytes as usize {
            return Ok(());
        }
        if self.lines == 0 {
            return Err(refusal(&TARGET_TOO_LONG, "gateway.limits.target", "the request line is larger than a head"));
        }
        Err(refusal(&reasons::HEAD_TOO_LARGE, "gateway.limits.head", format!("more than {} bytes", limits.head_bytes)))
    }

    /// Checks a whole line; `true` for the blank one that ends the head.
    fn check_line(&self, line: &[u8], limits: &HttpLimitsPlan) -> Result<bool, Box<Refusal>> {
        self.check_unfinished(line, limits)?;
        if line.is_empty() {
            if self.lines == 0 {
                return Err(refusal(&reasons::GRAMMAR, "", "a blank line before the request line"));
            }
            return Ok(true);
        }
        if self.lines > 0 && memchr::memchr(b':', line).is_none() {
            return Err(refusal(&reasons::GRAMMAR, "", format!("no colon in the field `{}`", shown(line))));
        }
        Ok(false)
    }

    /// What can be told of a line before its end has come.
    fn check_unfinished(&self, line: &[u8], limits: &HttpLimitsPlan) -> Result<(), Box<Refusal>> {
        let Some(first) = line.first() else { return Ok(()) };
        if self.lines == 0 {
            if matches!(first, b' ' | b'\t') {
                return Err(refusal(&reasons::GRAMMAR, "", "a space before the request line"));
            }
            let method = memchr::memchr(b' ', line.get(..=LONGEST_METHOD).unwrap_or(line));
            if method.is_none() && line.len() > LONGEST_METHOD {
                return Err(refusal(&METHOD, "", format!("method `{}`", shown(line))));
            }
            if line.strip_suffix(b"\r").unwrap_or(line).len() >= limits.target_bytes as usize {
                return Err(refusal(&TARGET_TOO_LONG, "gateway.limits.target", format!("{} bytes", line.len())));
            }
            return Ok(());
        }
        if matches!(first, b' ' | b'\t') {
            return Err(refusal(&reasons::GRAMMAR, "", "a line of the head begins with a space"));
        }
        if self.lines > usize::from(limits.header_count).min(MOST_FIELDS) && *first != b'\r' {
            let detail = format!("more than {} fields", limits.header_count);
            return Err(refusal(&TOO_MANY_FIELDS, "gateway.limits.headers", detail));
        }
        let name = memchr::memchr(b':', line.get(..=LONGEST_NAME).unwrap_or(line));
        if name.is_none() && line.len() > LONGEST_NAME {
            return Err(refusal(&FIELD_TOO_LARGE, "", format!("no colon within {LONGEST_NAME} bytes")));
        }
        if line.len() > limits.header_bytes as usize + 4 {
            return Err(refusal(&FIELD_TOO_LARGE, "gateway.limits.header", format!("{} bytes", line.len())));
        }
        Ok(())
    }
}

/// A head taken apart; everything borrows from its bytes.
#[derive(Debug)]
pub(crate) struct Head<'b, 'h> {
    pub(crate) method: &'b [u8],
    pub(crate) target: &'b [u8],
    pub(crate) version: HttpVersion,
    pub(crate) fields: &'h [httparse::Header<'b>],
}

/// Takes apart a head that [`Scanner`] has found whole.
///
/// # Errors
/// A request line, version or field that is not what the grammar says.
pub(crate) fn parse<'b, 'h>(bytes: &'b [u8], storage: &'h mut Storage<'b>) -> Result<Head<'b, 'h>, Box<Refusal>> {
    let end = memchr::memchr(b'\r', bytes).unwrap_or(bytes.len());
    let line = bytes.get(..end).unwrap_or_default();
    let bad = |reason: &'static Reason| refusal(reason, "", format!("request line `{}`", shown(line)));
    let mut words = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(bad(&reasons::REQUEST_LINE));
    };
    let version = match version {
        b"HTTP/1.1" => HttpVersion::Http11,
        b"HTTP/1.0" => HttpVersion::Http10,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            // HTTP/0.9 has no such line, so whoever writes one is not speaking it.
            return Err(bad(if *major == b'0' { &reasons::REQUEST_LINE } else { &reasons::VERSION }));
        }
        _ => return Err(bad(&reasons::REQUEST_LINE)),
    };
    if method.is_empty() || target.is_empty() {
        return Err(bad(&reasons::REQUEST_LINE));
    }
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, storage) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(refusal(&reasons::GRAMMAR, "", "the head ends before its blank line")),
        Err(error) => return Err(refusal(&reasons::GRAMMAR, "", error.to_string())),
    }
    Ok(Head { method, target, version, fields: request.headers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn read(text: &[u8]) -> Result<usize, &'static str> {
        let limits = testing::plan("127.0.0.1:1").gateway.limits;
        let length = Scanner::default().scan(text, &limits).map_err(|refusal| refusal.reason.code)?;
        let length = length.ok_or("incomplete")?;
        let mut storage = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let head = parse(&text[..length], &mut storage).map_err(|refusal| refusal.reason.code)?;
        Ok(head.fields.len())
    }

    #[test]
    fn a_proper_head_is_read() {
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\nX-Y:  z \r\nEmpty:\r\n\r\nbody"), Ok(3));
        assert_eq!(read(b"GET / HTTP/1.0\r\n\r\n"), Ok(0));
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\n"), Err("incomplete"));
        assert_eq!(read(b"GET / HTTP/1.1\r\nHost: a\r\n\r"), Err("incomplete"));
        assert_eq!(read(b""), Err("incomplete"));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            &b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n",
            b"\r\nGET / HTTP/1.1\r\n\r\n",
            b" GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
            b"GET / HTTP/1.1\r\n: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: \x0bb\r\n\r\n",
            b"GET / HTTP/1.1\r\nA b: c\r\n\r\n",
            b"GET / HTTP/1.1\r\nA\xc3: c\r\n\r\n",
            b"GET /\0 HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\r\nA: b\r\n\r\n",
        ] {
            assert!(
                matches!(read(text), Err("framing.grammar" | "framing.request_line")),
                "{} {:?}",
                text.escape_ascii(),
                read(text)
            );
        }
    }

    #[test]
    fn request_lines_have_three_words_and_a_known_version() {
        for line in [
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET /",
            "GET",
            "GET\t/ HTTP/1.1",
            "GET / x HTTP/1.1",
            "GET / http/1.1",
            "GET / HTTP/1",
            "GET / HTTP/01.01",
            "GET / HTTP/ 1.1",
            "GET / HTTP/0.9",
            "GET / HTTPS/1.1",
            "GET  HTTP/1.1",
        ] {
            let text = format!("{line}\r\nHost: a\r\n\r\n");
            assert_eq!(read(text.as_bytes()), Err("framing.request_line"), "{line}");
        }
        for version in ["1.2", "2.0", "9.9", "3.0"] {
            let text = format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n");
            assert_eq!(read(text.as_bytes()), Err("framing.version"));
        }
    }

    #[test]
    fn limits_are_told_before_the_head_is_whole() {
        let long = |head: &str, times: usize| read(format!("{head}{}", "a".repeat(times)).as_bytes()).unwrap_err();
        assert_eq!(long("", 60), "request.method");
        assert_eq!(long("GET /", 9_000), "request.target_too_long");
        assert_eq!(long("GET / HTTP/1.1\r\nA: ", 17_000), "request.field_too_large");
        assert_eq!(long("GET / HTTP/1.1\r\n", 300), "request.field_too_large");
        let many = |count: usize| format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(count));
        assert_eq!(read(format!("{}\r\n", many(100)).as_bytes()), Ok(100));
        assert_eq!(read(format!("{}x", many(100)).as_bytes()), Err("request.too_many_fields"));
        let fields = format!("A: {}\r\n", "b".repeat(9_000)).repeat(4);
        assert_eq!(read(format!("GET / HTTP/1.1\r\n{fields}").as_bytes()), Err("framing.head_too_large"));
    }

    proptest::proptest! {
        #[test]
        fn any_split_gives_the_same_answer(
            text in "(GET|P T) /[a-z]{0,3} HTTP/1.[01]\r?\n([A-Z ]{1,3}:[ -~]{0,4}\r?\n){0,3}\r?\n[a-z\r\n]{0,4}",
            step in 1_usize..7,
        ) {
            let limits = testing::plan("127.0.0.1:1").gateway.limits;
            let whole = Scanner::default().scan(text.as_bytes(), &limits).map_err(|refusal| refusal.reason.code);
            let mut scanner = Scanner::default();
            let mut split = Ok(None);
            let mut end = 0;
            while end < text.len() && split == Ok(None) {
                end = (end + step).min(text.len());
                split = scanner.scan(&text.as_bytes()[..end], &limits).map_err(|refusal| refusal.reason.code);
            }
            proptest::prop_assert_eq!(split, whole);
        }

        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = read(&text);
            let _ = read(&[&b"GET / HTTP/1.1\r\n"[..], &text, b"\r\n\r\n"].concat());
        }
    }
}
