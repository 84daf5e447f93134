//! A request as bytes, read leniently: rules are to see what a lenient server would, also where the gateway refuses it.

/// A request head, as it was written.
#[derive(Debug, Clone, Default)]
pub struct Message<'a> {
    /// The first line, without its end.
    pub line: &'a [u8],
    /// Method.
    pub method: &'a [u8],
    /// Request target.
    pub target: &'a [u8],
    /// Protocol, such as `HTTP/1.1`; empty for HTTP/0.9.
    pub protocol: &'a [u8],
    /// Fields in the order they came, with their names as they were written.
    pub fields: Vec<(&'a [u8], &'a [u8])>,
}

/// Most fields that are read.
const MOST_FIELDS: usize = 1000;

impl<'a> Message<'a> {
    /// Reads a head: lines that end in CRLF or LF, up to the first empty one. Answers it and what follows.
    #[must_use]
    pub fn parse(raw: &'a [u8]) -> (Self, &'a [u8]) {
        let mut rest = raw;
        let mut line = next_line(&mut rest);
        // Empty lines before a request are skipped (RFC 9112 2.2).
        while line.is_empty() && !rest.is_empty() {
            line = next_line(&mut rest);
        }
        let mut message = Self { line, ..Self::default() };
        message.read_line();
        while !rest.is_empty() {
            let line = next_line(&mut rest);
            if line.is_empty() {
                break;
            }
            if message.fields.len() >= MOST_FIELDS {
                continue;
            }
            let (name, value) = match memchr::memchr(b':', line) {
                Some(colon) => (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default()),
                None => (line, &b""[..]),
            };
            message.fields.push((name.trim_ascii_end(), value.trim_ascii()));
        }
        (message, rest)
    }

    fn read_line(&mut self) {
        let line = self.line.trim_ascii_end();
        let Some(first) = memchr::memchr(b' ', line) else {
            self.method = line;
            return;
        };
        self.method = line.get(..first).unwrap_or_default();
        let rest = line.get(first + 1..).unwrap_or_default();
        let last =
            memchr::memrchr(b' ', rest).filter(|last| looks_like_protocol(rest.get(last + 1..).unwrap_or_default()));
        match last {
            Some(last) => {
                self.target = rest.get(..last).unwrap_or_default();
                self.protocol = rest.get(last + 1..).unwrap_or_default();
            }
            None => self.target = rest,
        }
    }

    /// The first value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    /// The body within what follows the head: chunks put together, or as long as the head says.
    #[must_use]
    pub fn body(&self, rest: &[u8]) -> Vec<u8> {
        let chunked = self.field("transfer-encoding").is_some_and(|value| {
            value.to_ascii_lowercase().split(|byte| *byte == b',').any(|one| one.trim_ascii() == b"chunked")
        });
        if chunked && let Some(body) = unchunk(rest) {
            return body;
        }
        let length = self
            .field("content-length")
            .and_then(|value| std::str::from_utf8(value).ok()?.trim().parse::<usize>().ok())
            .unwrap_or(rest.len());
        rest.get(..length.min(rest.len())).unwrap_or_default().to_vec()
    }
}

/// Something like `HTTP/1.1`, or what stands in its place.
fn looks_like_protocol(word: &[u8]) -> bool {
    memchr::memchr(b'/', word).is_some_and(|slash| {
        slash > 0
            && word.get(..slash).is_some_and(|name| name.iter().all(u8::is_ascii_alphabetic))
            && word.get(slash + 1..).is_some_and(|version| {
                !version.is_empty() && version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.')
            })
    })
}

fn next_line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let whole = *rest;
    let (line, after) = match memchr::memchr(b'\n', whole) {
        Some(end) => (whole.get(..end).unwrap_or_default(), whole.get(end + 1..).unwrap_or_default()),
        None => (whole, &b""[..]),
    };
    *rest = after;
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The body of chunks (RFC 9112 7.1); `None` when they are not well formed.
fn unchunk(raw: &[u8]) -> Option<Vec<u8>> {
    let mut rest = raw;
    let mut body = Vec::new();
    loop {
        let line = next_line(&mut rest);
        let size = line.split(|byte| *byte == b';').next()?.trim_ascii();
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?;
        next_line(&mut rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_heads_are_read_as_they_stand() {
        let (message, rest) = Message::parse(b"\r\nGET /a b?c=d HTTP/1.1\r\nHost : x\nNo-Colon\r\n\r\nbody");
        assert_eq!(message.method, b"GET");
        assert_eq!(message.target, b"/a b?c=d");
        assert_eq!(message.protocol, b"HTTP/1.1");
        assert_eq!(message.fields, [(&b"Host"[..], &b"x"[..]), (b"No-Colon", b"")]);
        assert_eq!(rest, b"body");
        let (message, _) = Message::parse(b"GET /\r\n\r\n");
        assert_eq!((message.target, message.protocol), (&b"/"[..], &b""[..]));
    }

    #[test]
    fn chunks_are_put_together_and_lengths_are_kept() {
        let (message, rest) =
            Message::parse(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\n\r\n");
        assert_eq!(message.body(rest), b"abc");
        let (message, rest) = Message::parse(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabc");
        assert_eq!(message.body(rest), b"ab");
    }
}
