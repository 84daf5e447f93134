//! Strict chunked decoding (RFC 9112 7.1): one way to read a body, or none.

use bytes::{Buf as _, Bytes, BytesMut};
use memchr::memchr;
use stockade_model::Headers;

/// Hexadecimal digits of a chunk size; more could only be padding or an overflow.
const SIZE_DIGITS: usize = 16;

/// Fields of a trailer section.
const TRAILER_FIELDS: usize = 64;

/// What a decoder made of the bytes it was given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    /// A piece of the body, never empty.
    Data(Bytes),
    /// Nothing more to be had without more bytes.
    More,
    /// The body is complete; what is left in the buffer belongs to the next message.
    End(Headers),
}

/// What is wrong with a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkError {
    #[error("expected a chunk size of 1 to 16 hexadecimal digits")]
    Size,
    #[error("expected a chunk extension without control characters")]
    Extension,
    #[error("chunk extensions are longer than allowed")]
    ExtensionsTooLong,
    #[error("expected CR LF after a chunk")]
    End,
    #[error("expected proper trailer fields")]
    Trailer,
    #[error("the trailer section is longer than allowed")]
    TrailerTooLong,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Done,
}

/// Decodes one chunked body.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    extension_bytes: usize,
    trailer_bytes: usize,
}

impl ChunkedDecoder {
    /// A decoder that allows so many bytes of chunk extensions in the whole body, and of trailers.
    pub(crate) const fn new(extension_bytes: usize, trailer_bytes: usize) -> Self {
        Self { state: State::Size, extension_bytes, trailer_bytes }
    }

    /// Takes as much from the front of `buffer` as makes one step.
    ///
    /// # Errors
    /// The first thing that is not as RFC 9112 7.1 wants it. The body has no known end then.
    pub(crate) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, ChunkError> {
        loop {
            match self.state {
                State::Size => match self.size(buffer)? {
                    None => return Ok(Decoded::More),
                    Some(0) => self.state = State::Trailer,
                    Some(size) => self.state = State::Data(size),
                },
                State::Data(left) => {
                    if buffer.is_empty() {
                        return Ok(Decoded::More);
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                    let left = left.saturating_sub(take as u64);
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Decoded::Data(buffer.split_to(take).freeze()));
                }
                State::DataEnd => match (buffer.first(), buffer.get(1)) {
                    (Some(b'\r'), Some(b'\n')) => {
                        buffer.advance(2);
                        self.state = State::Size;
                    }
                    (None, _) | (Some(b'\r'), None) => return Ok(Decoded::More),
                    _ => return Err(ChunkError::End),
                },
                State::Trailer => {
                    let Some(trailers) = self.trailers(buffer)? else { return Ok(Decoded::More) };
                    self.state = State::Done;
                    return Ok(Decoded::End(trailers));
                }
                State::Done => return Ok(Decoded::End(Headers::default())),
            }
        }
    }

    /// Reads a chunk's first line.
    fn size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, ChunkError> {
        let digits = buffer.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > SIZE_DIGITS || (digits == 0 && !buffer.is_empty()) {
            return Err(ChunkError::Size);
        }
        let Some(end) = memchr(b'\n', buffer) else {
            return match buffer.get(digits) {
                Some(b';') if buffer.len() - digits > self.extension_bytes.saturating_add(1) => {
                    Err(ChunkError::ExtensionsTooLong)
                }
                None | Some(b';') => Ok(None),
                Some(b'\r') if buffer.len() == digits + 1 => Ok(None),
                Some(_) => Err(ChunkError::Size),
            };
        };
        let line = buffer.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(ChunkError::Size)?;
        let (size, extension) = line.split_at_checked(digits).ok_or(ChunkError::Size)?;
        match extension.first() {
            None => {}
            Some(b';') => {
                self.extension_bytes =
                    self.extension_bytes.checked_sub(extension.len()).ok_or(ChunkError::ExtensionsTooLong)?;
                if extension.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
                    return Err(ChunkError::Extension);
                }
            }
            Some(_) => return Err(ChunkError::Size),
        }
        let size = std::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let size = size.ok_or(ChunkError::Size)?;
        buffer.advance(end + 1);
        Ok(Some(size))
    }

    /// Reads the trailer section with the empty line that ends it.
    fn trailers(&self, buffer: &mut BytesMut) -> Result<Option<Headers>, ChunkError> {
        let Some(length) = section_length(buffer)? else {
            return if buffer.len() > self.trailer_bytes { Err(ChunkError::TrailerTooLong) } else { Ok(None) };
        };
        if length > self.trailer_bytes.saturating_add(2) {
            return Err(ChunkError::TrailerTooLong);
        }
        let section = buffer.split_to(length);
        let mut trailers = Headers::default();
        if length > 2 {
            let mut fields = [httparse::EMPTY_HEADER; TRAILER_FIELDS];
            let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(&section, &mut fields) else {
                return Err(ChunkError::Trailer);
            };
            for field in fields {
                trailers.push(field.name.as_bytes(), field.value);
            }
        }
        Ok(Some(trailers))
    }
}

/// The length of the field section at the front, the empty line included, once all of it is there.
fn section_length(buffer: &[u8]) -> Result<Option<usize>, ChunkError> {
    let mut start = 0;
    loop {
        let Some(rest) = buffer.get(start..) else { return Ok(None) };
        let Some(end) = memchr(b'\n', rest) else { return Ok(None) };
        match rest.get(..end).and_then(|line| line.strip_suffix(b"\r")) {
            None => return Err(ChunkError::Trailer),
            Some([]) => return Ok(Some(start + end + 1)),
            Some(_) => start += end + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Body, trailers when the end was found, and what was left.
    type Outcome = Result<(Vec<u8>, Option<Headers>, Vec<u8>), ChunkError>;

    fn decode(pieces: &[&[u8]]) -> Outcome {
        let mut decoder = ChunkedDecoder::new(64, 256);
        let mut buffer = BytesMut::new();
        let mut body = Vec::new();
        for piece in pieces {
            buffer.extend_from_slice(piece);
            loop {
                match decoder.decode(&mut buffer)? {
                    Decoded::Data(data) => body.extend_from_slice(&data),
                    Decoded::More => break,
                    Decoded::End(trailers) => return Ok((body, Some(trailers), buffer.to_vec())),
                }
            }
        }
        Ok((body, None, buffer.to_vec()))
    }

    #[test]
    fn chunks_are_joined_and_what_follows_is_left() {
        let (body, trailers, rest) = decode(&[b"3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\nGET"]).unwrap();
        assert_eq!(body, b"abc0123456789");
        assert_eq!(trailers, Some(Headers::default()));
        assert_eq!(rest, b"GET");
    }

    #[test]
    fn trailers_are_read() {
        let (_, trailers, rest) = decode(&[b"0\r\nX-Sum: 1\r\nY: 2\r\n\r\n"]).unwrap();
        let trailers = trailers.unwrap();
        assert_eq!(trailers.get("x-sum"), Some(&b"1"[..]));
        assert_eq!(trailers.len(), 2);
        assert!(rest.is_empty());
    }

    #[test]
    fn anything_ambiguous_is_refused() {
        let cases: [(&[u8], ChunkError); 17] = [
            (b"0x3\r\nabc\r\n", ChunkError::Size),
            (b"+3\r\nabc\r\n", ChunkError::Size),
            (b"-3\r\nabc\r\n", ChunkError::Size),
            (b" 3\r\nabc\r\n", ChunkError::Size),
            (b"3 \r\nabc\r\n", ChunkError::Size),
            (b"\r\nabc\r\n", ChunkError::Size),
            (b"3\nabc\r\n", ChunkError::Size),
            (b"3\rabc\r\n", ChunkError::Size),
            (b"00000000000000003\r\nabc\r\n", ChunkError::Size),
            (b"3_0\r\n", ChunkError::Size),
            (b"3;a=\0\r\nabc\r\n", ChunkError::Extension),
            (b"3;a\rb\r\nabc\r\n", ChunkError::Extension),
            (b"3\r\nabcd\r\n", ChunkError::End),
            (b"3\r\nabc\n0\r\n\r\n", ChunkError::End),
            (b"0\r\nX: 1\n\r\n", ChunkError::Trailer),
            (b"0\r\nX : 1\r\n\r\n", ChunkError::Trailer),
            (b"0\r\n X: 1\r\n\r\n", ChunkError::Trailer),
        ];
        for (bytes, error) in cases {
            assert_eq!(decode(&[bytes]).unwrap_err(), error, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded_while_they_come() {
        let long = [b"3;".as_slice(), &[b'a'; 100]].concat();
        assert_eq!(decode(&[&long]).unwrap_err(), ChunkError::ExtensionsTooLong);
        let many = b"1;aaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n".repeat(3);
        assert_eq!(decode(&[&many]).unwrap_err(), ChunkError::ExtensionsTooLong);
        let trailer = [b"0\r\nX: ".as_slice(), &[b'a'; 300]].concat();
        assert_eq!(decode(&[&trailer]).unwrap_err(), ChunkError::TrailerTooLong);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_body(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\nA: b\r\n\r\nrest");
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&wire[from..cut]);
                from = cut;
            }
            pieces.push(&wire[from..]);
            let (body, trailers, rest) = decode(&pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(trailers.map(|trailers| trailers.len()), Some(1));
            prop_assert!(b"rest".starts_with(&rest[..]) );
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let total = bytes.len();
            if let Ok((body, _, rest)) = decode(&[&bytes]) {
                prop_assert!(body.len() + rest.len() <= total);
            }
        }
    }
}
