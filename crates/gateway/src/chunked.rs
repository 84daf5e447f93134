//! The chunked coding (RFC 9112 7.1), read strictly and piece by piece from a growing buffer: one way to read a body,
//! or none. Clients and upstreams are read by the same decoder; an upstream may pad its sizes, as some do.

use bytes::{Buf, Bytes, BytesMut};
use stockade_model::Headers;

use crate::normalise::{shown, trailer};

/// Fields in a trailer section.
const MOST_TRAILERS: usize = 64;

/// Which end wrote the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sender {
    /// Nothing is let pass that another parser might read otherwise.
    Client,
    /// Zeros before a size and spaces in an extension are let pass: the answer is framed anew for the client.
    Upstream,
}

impl Sender {
    /// Digits of a size. 16 would pass 63 bits, and no body that is accepted from a client comes near.
    const fn digits(self) -> usize {
        match self {
            Self::Client => 15,
            Self::Upstream => 16,
        }
    }
}

/// What is wrong with a chunked body. Its end is not known then.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// A size line that is none, with the line.
    #[error("size line `{0}`")]
    Size(String),
    /// Data without its CRLF.
    #[error("no CRLF after the chunk's data")]
    DataEnd,
    /// Extensions of the whole body, with the most that is allowed.
    #[error("chunk extensions of more than {0} bytes")]
    ExtensionsTooLong(usize),
    /// A trailer field that is none, or must stand in the head.
    #[error("trailer section: {0}")]
    Trailer(String),
    /// Trailers, with the most that is allowed.
    #[error("trailer section of more than {0}")]
    TrailerTooLong(String),
}

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
    /// Some data, never empty.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body and its trailer section are over.
    End,
}

/// One body. INVARIANT: it takes from the buffer only what belongs to the body.
#[derive(Debug)]
pub(crate) struct Decoder {
    sender: Sender,
    state: State,
    /// Most bytes of extensions in the whole body.
    extension_most: usize,
    extension_bytes: usize,
    /// Most bytes of the trailer section.
    trailer_most: usize,
    trailer_bytes: usize,
    trailers: Headers,
}

impl Decoder {
    /// For a body of `sender`, with so many bytes of extensions and of trailers at most.
    pub(crate) fn new(sender: Sender, extension_most: usize, trailer_most: usize) -> Self {
        Self {
            sender,
            state: State::Size,
            extension_most,
            extension_bytes: 0,
            trailer_most,
            trailer_bytes: 0,
            trailers: Headers::default(),
        }
    }

    /// Takes the next piece out of `buffer`.
    ///
    /// # Errors
    /// Anything but strict chunks, and limits passed.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Piece, Fault> {
        loop {
            match self.state {
                State::Size => {
                    let Some(size) = self.size(buffer)? else { return Ok(Piece::More) };
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
                    _ => return Err(Fault::DataEnd),
                },
                State::Trailer => {
                    if !self.trailer_line(buffer)? {
                        return Ok(Piece::More);
                    }
                }
                State::Done => return Ok(Piece::End),
            }
        }
    }

    /// The trailer fields, once the body is over.
    pub(crate) fn trailers(&mut self) -> Option<Headers> {
        (self.state == State::Done && !self.trailers.is_empty()).then(|| std::mem::take(&mut self.trailers))
    }

    /// The size on a whole size line, which is taken.
    fn size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, Fault> {
        let bad = |line: &[u8]| Fault::Size(shown(line));
        let most_digits = self.sender.digits();
        let left = self.extension_most.saturating_sub(self.extension_bytes);
        let most = most_digits.saturating_add(left).saturating_add(2);
        let end = memchr::memchr(b'\n', buffer.get(..=most).unwrap_or(buffer));
        let line = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let (size, rest) = line.split_at_checked(digits).unwrap_or_default();
        let Some(end) = end else {
            // Refused as soon as it can be told, so that nothing waits for a line that cannot become good.
            let hopeful = rest.is_empty() || rest == b"\r" || (digits > 0 && rest.first() == Some(&b';'));
            if digits > most_digits || !hopeful {
                return Err(bad(line));
            }
            if buffer.len() > most {
                return Err(Fault::ExtensionsTooLong(self.extension_most));
            }
            return Ok(None);
        };
        let Some(extension) = rest.strip_suffix(b"\r") else { return Err(bad(line)) };
        let proper = match self.sender {
            // Leading zeros let a size line be as long as one likes; one zero is the last chunk.
            Sender::Client => !(size.len() > 1 && size.first() == Some(&b'0')) && is_extension(extension),
            Sender::Upstream => is_text(extension),
        };
        if size.is_empty() || size.len() > most_digits || !proper {
            return Err(bad(line));
        }
        if extension.len() > left {
            return Err(Fault::ExtensionsTooLong(self.extension_most));
        }
        let number = std::str::from_utf8(size).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
        let number = number.ok_or_else(|| bad(line))?;
        self.extension_bytes += extension.len();
        buffer.advance(end + 1);
        Ok(Some(number))
    }

    /// Takes one whole line of the trailer section; `false` when there is none yet.
    fn trailer_line(&mut self, buffer: &mut BytesMut) -> Result<bool, Fault> {
        let left = self.trailer_most.saturating_sub(self.trailer_bytes);
        let Some(end) = memchr::memchr(b'\n', buffer.get(..left + 2).unwrap_or(buffer)) else {
            if buffer.len() > left + 1 {
                return Err(Fault::TrailerTooLong(format!("{} bytes", self.trailer_most)));
            }
            return Ok(false);
        };
        let line = buffer.get(..end).and_then(|line| line.strip_suffix(b"\r"));
        let Some(line) = line else { return Err(Fault::Trailer("a line ends with a bare LF".to_owned())) };
        if line.is_empty() {
            self.state = State::Done;
        } else {
            let field = trailer::field(line).filter(|(name, _)| match self.sender {
                Sender::Client => trailer::may_come_from_a_client(name),
                Sender::Upstream => true,
            });
            let Some((name, value)) = field else {
                return Err(Fault::Trailer(format!("field `{}`", shown(line))));
            };
            if self.trailers.len() >= MOST_TRAILERS {
                return Err(Fault::TrailerTooLong(format!("{MOST_TRAILERS} fields")));
            }
            self.trailers.push(name, value);
        }
        self.trailer_bytes += end + 1;
        buffer.advance(end + 1);
        Ok(true)
    }
}

/// An extension as upstreams write them: nothing reads it.
fn is_text(extension: &[u8]) -> bool {
    matches!(extension.first(), None | Some(b';'))
        && extension.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
}

/// `*( ";" name [ "=" value ] )` (RFC 9112 7.1.1) without optional spaces, controls or line breaks in quotes.
fn is_extension(mut text: &[u8]) -> bool {
    while let Some((first, rest)) = text.split_first() {
        if *first != b';' {
            return false;
        }
        let name = rest.iter().take_while(|byte| trailer::is_token(**byte)).count();
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
            _ => value.iter().take_while(|byte| trailer::is_token(**byte)).count(),
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

#[cfg(test)]
mod tests;
