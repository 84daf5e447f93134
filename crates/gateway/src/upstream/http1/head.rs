//! Strict response heads (RFC 9112 4 and 5): what is not plainly proper is refused.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use memchr::memchr_iter;
use stockade_model::{Headers, ResponseHead};

use crate::chunked::{Decoder, Sender};
use crate::upstream::failure::Failure;
use crate::upstream::fields::is_hop_by_hop;
use crate::upstream::reason::{BAD_FRAMING, BAD_HEAD, BAD_SWITCH};

/// Status line and fields together.
const HEAD_BYTES: usize = 64 * 1024;

/// Fields of one head.
const HEAD_FIELDS: usize = 128;

/// All chunk extensions of one body.
const EXTENSION_BYTES: usize = 4 * 1024;

/// Trailer section.
const TRAILER_BYTES: usize = 16 * 1024;

/// What the request said that decides how the response is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    /// The method was HEAD: there is never a body.
    pub(super) head: bool,
    /// A switch to WebSocket was asked for.
    pub(super) websocket: bool,
}

/// Where the body ends.
#[derive(Debug)]
pub(super) enum Framing {
    /// There is none, whatever the head says.
    None,
    /// After so many bytes.
    Length(u64),
    /// At the last chunk.
    Chunked(Box<Decoder>),
    /// When the connection is closed.
    Close,
}

/// A head that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Status and end-to-end fields.
    pub(super) head: ResponseHead,
    /// Where the body ends.
    pub(super) framing: Framing,
    /// Whether the connection may serve another exchange.
    pub(super) keep_alive: bool,
}

/// Finds heads at the front of a buffer without looking at a byte twice.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    seen: usize,
}

/// Fields that decide about framing and connection.
#[derive(Default)]
struct Control<'a> {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    websocket: bool,
    nominated: Vec<&'a [u8]>,
}

impl HeadReader {
    /// Takes a head from the front of `buffer`; `None` when it is not complete.
    ///
    /// # Errors
    /// Anything that is not one proper head with one meaning.
    pub(super) fn read(&mut self, buffer: &mut BytesMut, asked: Asked) -> Result<Option<Parsed>, Failure> {
        let Some(end) = self.end_of_head(buffer)? else { return Ok(None) };
        if end > HEAD_BYTES {
            return Err(too_long());
        }
        let bytes = buffer.split_to(end);
        self.seen = 0;
        parse(&bytes, asked).map(Some)
    }

    fn end_of_head(&mut self, buffer: &[u8]) -> Result<Option<usize>, Failure> {
        let from = self.seen;
        for offset in memchr_iter(b'\n', buffer.get(from..).unwrap_or_default()) {
            let line_end = from + offset;
            if line_end.checked_sub(1).and_then(|before| buffer.get(before)) != Some(&b'\r') {
                return Err(Failure::new(&BAD_HEAD, "a line of the head ends with LF alone"));
            }
            match (buffer.get(line_end + 1), buffer.get(line_end + 2)) {
                (Some(b'\r'), Some(b'\n')) => return Ok(Some(line_end + 3)),
                (None, _) | (Some(b'\r'), None) => {
                    self.seen = line_end;
                    return self.incomplete(buffer);
                }
                _ => {}
            }
        }
        self.seen = buffer.len();
        self.incomplete(buffer)
    }

    fn incomplete(&self, buffer: &[u8]) -> Result<Option<usize>, Failure> {
        if buffer.len() > HEAD_BYTES {
            return Err(too_long());
        }
        // Told at the first bytes: something that is not HTTP may never send a line end.
        if !buffer.iter().zip(b"HTTP/1.").all(|(came, expected)| came == expected) {
            return Err(Failure::new(&BAD_HEAD, "expected a status line of HTTP/1.0 or HTTP/1.1"));
        }
        Ok(None)
    }
}

fn too_long() -> Failure {
    Failure::new(&BAD_HEAD, format!("the head is longer than {HEAD_BYTES} bytes"))
}

fn parse(bytes: &[u8], asked: Asked) -> Result<Parsed, Failure> {
    if bytes.first() != Some(&b'H') {
        return Err(Failure::new(&BAD_HEAD, "expected a status line of HTTP/1.0 or HTTP/1.1"));
    }
    let mut room = [const { MaybeUninit::uninit() }; HEAD_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut response, bytes, &mut room) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Failure::new(&BAD_HEAD, "the head breaks off")),
        Err(error) => return Err(Failure::new(&BAD_HEAD, error.to_string())),
    }
    let status = response.code.filter(|code| (100..600).contains(code));
    let status = status.ok_or_else(|| Failure::new(&BAD_HEAD, "expected a status of 100 to 599"))?;
    let old = response.version == Some(0);

    let mut control = Control::default();
    let mut headers = Headers::with_capacity(response.headers.len() + 4, bytes.len());
    for field in response.headers.iter() {
        if is_hop_by_hop(field.name.as_bytes()) {
            control.read(field)?;
        } else if !headers.push(field.name.as_bytes(), field.value) {
            return Err(Failure::new(&BAD_HEAD, "a field name is not ASCII"));
        }
    }
    if !control.nominated.is_empty() {
        let nominated = &control.nominated;
        headers.retain(|name, _| !nominated.iter().any(|other| other.eq_ignore_ascii_case(name.as_bytes())));
    }
    finish(status, headers, &control, old, asked)
}

impl<'a> Control<'a> {
    fn read(&mut self, field: &httparse::Header<'a>) -> Result<(), Failure> {
        match field.name.len() {
            // content-length
            14 => {
                let length = parse_length(field.value);
                let length = length.ok_or_else(|| Failure::new(&BAD_FRAMING, "`Content-Length` is not one number"))?;
                if self.length.replace(length).is_some() {
                    return Err(Failure::new(&BAD_FRAMING, "more than one `Content-Length`"));
                }
            }
            // transfer-encoding
            17 => {
                if self.chunked || !field.value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Failure::new(&BAD_FRAMING, "`Transfer-Encoding` is not `chunked`, once"));
                }
                self.chunked = true;
            }
            10 if field.name.eq_ignore_ascii_case("connection") => {
                for token in field.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    if token.eq_ignore_ascii_case(b"close") {
                        self.close = true;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep_alive = true;
                    } else if !token.is_empty() && !token.eq_ignore_ascii_case(b"upgrade") {
                        self.nominated.push(token);
                    }
                }
            }
            7 if field.name.eq_ignore_ascii_case("upgrade") => {
                self.websocket = field.value.eq_ignore_ascii_case(b"websocket");
            }
            _ => {}
        }
        Ok(())
    }
}

/// `1*DIGIT`, nothing else.
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Decides where the body ends (RFC 9112 6.3) and whether the connection lives on.
fn finish(status: u16, headers: Headers, control: &Control<'_>, old: bool, asked: Asked) -> Result<Parsed, Failure> {
    if control.chunked && (control.length.is_some() || old) {
        let detail =
            if old { "`Transfer-Encoding` in HTTP/1.0" } else { "both `Content-Length` and `Transfer-Encoding`" };
        return Err(Failure::new(&BAD_FRAMING, detail));
    }
    let mut keep_alive = if old { control.keep_alive && !control.close } else { !control.close };
    let framing = match status {
        101 if !(asked.websocket && control.websocket) => {
            return Err(Failure::new(&BAD_SWITCH, "101 without having been asked for that protocol"));
        }
        100..200 | 204 => {
            // RFC 9112 6.1 and 9110 8.6 allow neither field here; what they promise would be read as the next answer.
            if control.length.is_some_and(|length| length > 0) {
                return Err(Failure::new(&BAD_FRAMING, format!("`Content-Length` in an answer of status {status}")));
            }
            keep_alive &= !control.chunked;
            Framing::None
        }
        304 => Framing::None,
        _ if asked.head => Framing::None,
        _ if control.chunked => {
            Framing::Chunked(Box::new(Decoder::new(Sender::Upstream, EXTENSION_BYTES, TRAILER_BYTES)))
        }
        _ => control.length.map_or(Framing::Close, Framing::Length),
    };
    keep_alive &= !matches!(framing, Framing::Close);
    let content_length = if status < 200 || status == 204 { None } else { control.length };
    Ok(Parsed { head: ResponseHead { status, headers, content_length }, framing, keep_alive })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stockade_model::Reason;

    fn read(bytes: &[u8]) -> Result<Option<Parsed>, &'static Reason> {
        HeadReader::default().read(&mut BytesMut::from(bytes), Asked::default()).map_err(|failure| failure.reason)
    }

    fn whole(bytes: &[u8]) -> Parsed {
        read(bytes).unwrap().unwrap()
    }

    #[test]
    fn a_proper_head_is_read_and_hop_by_hop_fields_are_taken_out() {
        let parsed = whole(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\nConnection: x-private, keep-alive\r\nX-Private: 1\r\n\
              Keep-Alive: timeout=5\r\n\r\nhello",
        );
        assert_eq!(parsed.head.status, 200);
        assert_eq!(parsed.head.headers.iter().collect::<Vec<_>>(), [("x-a", &b"b"[..])]);
        assert_eq!(parsed.head.content_length, Some(5));
        assert!(matches!(parsed.framing, Framing::Length(5)));
        assert!(parsed.keep_alive);
    }

    #[test]
    fn connections_live_on_only_when_both_versions_say_so() {
        assert!(!whole(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").keep_alive);
        assert!(!whole(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keep_alive);
        assert!(whole(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
        assert!(!whole(b"HTTP/1.1 200 OK\r\n\r\n").keep_alive);
        assert!(!whole(b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n").keep_alive);
        assert!(whole(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n").keep_alive);
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for fields in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: 3, 3",
            "Content-Length: +3",
            "Content-Length: -3",
            "Content-Length:",
            "Content-Length: 0x3",
            "Content-Length: 99999999999999999999",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: xchunked",
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert_eq!(read(head.as_bytes()).unwrap_err().code, "upstream.bad_framing", "{fields}");
        }
        assert_eq!(
            read(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap_err().code,
            "upstream.bad_framing"
        );
        assert_eq!(read(b"HTTP/1.1 204 X\r\nContent-Length: 3\r\n\r\n").unwrap_err().code, "upstream.bad_framing");
    }

    #[test]
    fn improper_heads_are_refused() {
        for head in [
            &b"HTTP/1.1 200 OK\nX: 1\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nX: 1\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.2 200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 999 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
            b"<html>",
            b"SSH-2.0-OpenSSH_9.2",
        ] {
            assert_eq!(read(head).unwrap_err().code, "upstream.bad_head", "{:?}", String::from_utf8_lossy(head));
        }
    }

    #[test]
    fn heads_are_bounded_in_bytes_and_fields() {
        let mut long = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        long.resize(HEAD_BYTES + 1, b'a');
        assert_eq!(read(&long).unwrap_err().code, "upstream.bad_head");
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(HEAD_FIELDS + 1));
        assert_eq!(read(many.as_bytes()).unwrap_err().code, "upstream.bad_head");
        let fits = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: 1\r\n".repeat(HEAD_FIELDS));
        assert_eq!(whole(fits.as_bytes()).head.headers.len(), HEAD_FIELDS);
    }

    #[test]
    fn a_switch_must_have_been_asked_for() {
        let head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
        assert_eq!(read(head).unwrap_err().code, "upstream.bad_switch");
        let asked = Asked { websocket: true, head: false };
        assert!(HeadReader::default().read(&mut BytesMut::from(&head[..]), asked).is_ok());
        let other = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";
        assert!(HeadReader::default().read(&mut BytesMut::from(&other[..]), asked).is_err());
    }

    proptest! {
        #[test]
        fn a_head_in_pieces_reads_like_a_head_at_once(cut in 0usize..70) {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Long-Name: some value\r\n\r\n";
            let cut = cut.min(head.len());
            let mut reader = HeadReader::default();
            let mut buffer = BytesMut::from(&head[..cut]);
            let mut parsed = reader.read(&mut buffer, Asked::default()).unwrap();
            if parsed.is_none() {
                buffer.extend_from_slice(&head[cut..]);
                parsed = reader.read(&mut buffer, Asked::default()).unwrap();
            }
            prop_assert_eq!(parsed.unwrap().head, whole(head).head);
        }

        #[test]
        fn no_bytes_make_it_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[b"HTTP/1.1 200 OK\r\n".as_slice(), &tail].concat());
            let _ = read(&tail);
        }
    }
}
