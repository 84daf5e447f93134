//! The chunked coding (RFC 9112 7.1), read strictly and piece by piece from a growing buffer.

use bytes::{Buf, Bytes, BytesMut};
use stockade_model::plan::HttpLimitsPlan;
use stockade_model::{Headers, Reason};

use super::reasons;
use crate::normalise::shown;

/// 16 hexadecimal digits would pass 63 bits; no body that is accepted comes near.
const MOST_DIGITS: usize = 15;
/// Fields in a trailer section.
const MOST_TRAILERS: usize = 32;

/// Why a chunked body is refused.
pub(crate) type Fault = (&'static Reason, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before a size line.
    Size,
    /// Within data: so many bytes to come.
    Data(u64),
    /// Before the CRLF that ends data.
    DataEnd,
    /// Within the trailer section.
    Trailer,
    Done,
}

/// What [`Decoder::next`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Some data.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body and its trailer section are over.
    End,
}

/// One body. INVARIANT: it takes from the buffer only what belongs to the body.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    extension_bytes: usize,
    trailer_bytes: usize,
    trailers: Headers,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Size, extension_bytes: 0, trailer_bytes: 0, trailers: Headers::default() }
    }
}

impl Decoder {
    /// Takes the next piece out of `buffer`.
    ///
    /// # Errors
    /// Anything but strict chunks, and limits passed.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut, limits: &HttpLimitsPlan) -> Result<Piece, Fault> {
        loop {
            match self.state {
                State::Size => {
                    let Some(size) = self.size(buffer, limits)? else { return Ok(Piece::More) };
                    self.state = if size == 0 { State::Trailer } else { State::Data(size) };
                }
                State::Data(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                    if take == 0 {
                        return Ok(Piece::More);
                    }
                    let left = left.saturating_sub(take as u64);
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Piece::Data(buffer.split_to(take).freeze()));
                }
                State::DataEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        self.state = State::Size;
                    }
                    None if buffer.is_empty() || buffer.first() == Some(&b'\r') => return Ok(Piece::More),
                    _ => return Err((&reasons::CHUNK, "no CRLF after the chunk's data".to_owned())),
                },
                State::Trailer => {
                    if !self.trailer_line(buffer, limits)? {
                        return Ok(Piece::More);
                    }
                }
                State::Done => return Ok(Piece::End),
            }
        }
    }

    /// Whether the body is over.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailer fields, once the body is over.
    pub(crate) fn trailers(&mut self) -> Option<Headers> {
        (self.is_done() && !self.trailers.is_empty()).then(|| std::mem::take(&mut self.trailers))
    }

    /// The size on a whole size line, which is taken.
    fn size(&mut self, buffer: &mut BytesMut, limits: &HttpLimitsPlan) -> Result<Option<u64>, Fault> {
        let bad = |line: &[u8]| (&reasons::CHUNK, format!("size line `{}`", shown(line)));
        let left = (limits.chunk_extension_bytes as usize).saturating_sub(self.extension_bytes);
        let most = MOST_DIGITS + left + 2;
        let end = memchr::memchr(b'\n', buffer.get(..=most).unwrap_or(buffer));
        let line = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, rest) = line.split_at_checked(digits).unwrap_or_default();
        let Some(end) = end else {
            // Refused as soon as it can be told, so that nothing waits for a line that cannot become good.
            let hopeful = rest.is_empty() || rest == b"\r" || (digits > 0 && rest.first() == Some(&b';'));
            if digits > MOST_DIGITS || !hopeful {
                return Err(bad(line));
            }
            if buffer.len() > most {
                return Err((&reasons::CHUNK_EXTENSIONS, format!("more than {} bytes", limits.chunk_extension_bytes)));
            }
            return Ok(None);
        };
        let Some(extension) = rest.strip_suffix(b"\r") else { return Err(bad(line)) };
        // Leading zeros let a size line be as long as one likes; one zero is the last chunk.
        let padded = size.len() > 1 && size.first() == Some(&b'0');
        if size.is_empty() || size.len() > MOST_DIGITS || padded || !is_extension(extension) {
            return Err(bad(line));
        }
        if extension.len() > left {
            return Err((&reasons::CHUNK_EXTENSIONS, format!("more than {} bytes", limits.chunk_extension_bytes)));
        }
        let number = std::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let number = number.ok_or_else(|| bad(line))?;
        self.extension_bytes += extension.len();
        buffer.advance(end + 1);
        Ok(Some(number))
    }

    /// Takes one whole line of the trailer section; `false` when there is none yet.
    fn trailer_line(&mut self, buffer: &mut BytesMut, limits: &HttpLimitsPlan) -> Result<bool, Fault> {
        let left = (limits.trailer_bytes as usize).saturating_sub(self.trailer_bytes);
        let Some(end) = memchr::memchr(b'\n', buffer.get(..left + 2).unwrap_or(buffer)) else {
            if buffer.len() > left + 1 {
                return Err((&reasons::TRAILER_TOO_LARGE, format!("more than {} bytes", limits.trailer_bytes)));
            }
            return Ok(false);
        };
        let line = buffer.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        let Some(line) = line else { return Err((&reasons::TRAILER, "a line ends with a bare LF".to_owned())) };
        if line.is_empty() {
            self.state = State::Done;
        } else {
            let Some((name, value)) = trailer_field(line) else {
                return Err((&reasons::TRAILER, format!("field `{}`", shown(line))));
            };
            if self.trailers.len() >= MOST_TRAILERS {
                return Err((&reasons::TRAILER_TOO_LARGE, format!("more than {MOST_TRAILERS} fields")));
            }
            self.trailers.push(name, value);
        }
        self.trailer_bytes += end + 1;
        buffer.advance(end + 1);
        Ok(true)
    }
}

/// `*( ";" name [ "=" value ] )` (RFC 9112 7.1.1) without optional spaces, controls or line breaks in quotes.
fn is_extension(mut text: &[u8]) -> bool {
    while let Some((first, rest)) = text.split_first() {
        if *first != b';' {
            return false;
        }
        let name = rest.iter().take_while(|byte| is_token(**byte)).count();
        text = rest.get(name..).unwrap_or_default();
        if name == 0 {
            return false;
        }
        let Some(value) = text.strip_prefix(b"=") else { continue };
        let length = match value.first() {
            Some(b'"') => match quoted(value) {
                Some(length) => length,
                None => return false,
            },
            _ => value.iter().take_while(|byte| is_token(**byte)).count(),
        };
        if length == 0 {
            return false;
        }
        text = value.get(length..).unwrap_or_default();
    }
    true
}

/// The length of a quoted string with its quotes (RFC 9110 5.6.4).
fn quoted(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            _ if (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// tchar (RFC 9110 5.6.2).
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

fn trailer_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, rest) = line.split_at_checked(colon)?;
    let value = rest.get(1..)?.trim_ascii();
    let good = !name.is_empty()
        && name.iter().all(|byte| is_token(*byte) && *byte != b'_')
        && value.iter().all(|byte| *byte >= 0x20 && *byte != 0x7f || *byte == b'\t');
    (good && !must_stand_in_the_head(name)).then_some((name, value))
}

/// Fields that change framing, routing, authentication, or how the content is read (RFC 9110 6.5.1).
pub(crate) fn must_stand_in_the_head(name: &[u8]) -> bool {
    const FORBIDDEN: [&str; 29] = [
        "accept",
        "age",
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "if-match",
        "if-none-match",
        "keep-alive",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-real-ip",
    ];
    let begins = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    begins(b"x-forwarded-")
        || begins(b"x-stockade-")
        || begins(b"sec-")
        || FORBIDDEN.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    /// The body, its trailers and what was left over; or the code of the fault, or `more`.
    fn decode(text: &[u8], step: usize) -> Result<(Vec<u8>, usize, Vec<u8>), &'static str> {
        let limits = testing::plan("127.0.0.1:1").gateway.limits;
        let mut decoder = Decoder::default();
        let mut buffer = BytesMut::new();
        let mut body = Vec::new();
        let mut rest = text;
        loop {
            match decoder.next(&mut buffer, &limits).map_err(|fault| fault.0.code)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::More if rest.is_empty() => return Err("more"),
                Piece::More => {
                    let (head, tail) = rest.split_at(step.min(rest.len()));
                    buffer.extend_from_slice(head);
                    rest = tail;
                }
                Piece::End => {
                    let trailers = decoder.trailers().map_or(0, |trailers| trailers.len());
                    return Ok((body, trailers, [&buffer[..], rest].concat()));
                }
            }
        }
    }

    #[test]
    fn proper_chunks_are_joined() {
        let text = b"5\r\nhello\r\n6;a=b;c=\"d;\\\"e\";f\r\n world\r\n0\r\nX-Sum: 1\r\n\r\nnext";
        assert_eq!(decode(text, 1000).unwrap(), (b"hello world".to_vec(), 1, b"next".to_vec()));
        assert_eq!(decode(b"A\r\nhelloworld\r\n0\r\n\r\n", 3).unwrap().0, b"helloworld");
        assert_eq!(decode(b"0\r\n\r\n", 1).unwrap().0, b"");
        assert_eq!(decode(b"5\r\nhel", 1), Err("more"));
    }

    #[test]
    fn anything_but_strict_chunks_is_refused() {
        for text in [
            &b"0x5\r\nhello\r\n0\r\n\r\n"[..],
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-1\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\rhello\r\n0\r\n\r\n",
            b"\r\nhello\r\n",
            b"1_0\r\n",
            b"05\r\nhello\r\n",
            b"0000000000000000000000000000000000000000\r\n\r\n",
            b"00\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"5\r\nhello!!\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5;\r\nhello\r\n0\r\n\r\n",
            b"5;\nhello\r\n",
            b"5;\0a\r\nhello\r\n",
            b"5;a\rX\r\nhello\r\n",
            b"5;a=\r\nhello\r\n",
            b"5;a=\"b\r\nhello\r\n",
            b"5;a=\"b\rc\"\r\nhello\r\n",
            b"5 ;a\r\nhello\r\n",
            b"5; a\r\nhello\r\n",
            b"5\r\r\nhello\r\n",
        ] {
            for step in [1, 2, 1000] {
                assert_eq!(decode(text, step), Err("framing.chunk"), "{} by {step}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn trailers_hold_nothing_that_matters() {
        for line in [
            "Content-Length: 5",
            "Host: a",
            "Authorization: b",
            "Transfer-Encoding: chunked",
            "X-Forwarded-For: 1",
            "A : b",
            ": b",
            "A",
            " a: b",
            "A: \u{1}",
            "a_b: c",
        ] {
            let text = format!("0\r\n{line}\r\n\r\n");
            assert_eq!(decode(text.as_bytes(), 1000), Err("framing.trailer"), "{line}");
        }
        assert_eq!(decode(b"0\r\n\n", 1000), Err("framing.trailer"));
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let extension = format!("5;a={}\r\nhello\r\n0\r\n\r\n", "b".repeat(5_000));
        let spread = format!("1;a={}\r\nx\r\n", "b".repeat(1_500)).repeat(3);
        let trailer = format!("0\r\nA: {}\r\n\r\n", "b".repeat(9_000));
        let many = format!("0\r\n{}\r\n", "A: b\r\n".repeat(40));
        for step in [1, 100, 100_000] {
            assert_eq!(decode(extension.as_bytes(), step), Err("framing.chunk_extensions"));
            assert_eq!(decode(spread.as_bytes(), step), Err("framing.chunk_extensions"));
            assert_eq!(decode(trailer.as_bytes(), step), Err("framing.trailer_too_large"));
            assert_eq!(decode(many.as_bytes(), step), Err("framing.trailer_too_large"));
        }
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_answer(
            text in "([0-9a-f]{1,2}(;[a-z]{0,2}(=[a-z\"]{0,3})?)?\r?\n?[a-z]{0,6}\r\n){0,3}0\r\n([A-Z]{1,2}: [a-z]{0,3}\r\n){0,2}\r\n",
            step in 1_usize..9,
        ) {
            prop_assert_eq!(decode(text.as_bytes(), step), decode(text.as_bytes(), usize::MAX));
        }

        #[test]
        fn proper_bodies_come_out_as_they_went_in(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..5),
            step in 1_usize..50,
        ) {
            let mut text = Vec::new();
            for chunk in &chunks {
                text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                text.extend_from_slice(chunk);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n\r\nrest");
            prop_assert_eq!(decode(&text, step).unwrap(), (chunks.concat(), 0, b"rest".to_vec()));
        }

        #[test]
        fn no_bytes_make_it_panic(text in proptest::collection::vec(any::<u8>(), 0..100), step in 1_usize..9) {
            let _ = decode(&text, step);
        }
    }
}
