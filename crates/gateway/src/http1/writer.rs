//! Writes one response in HTTP/1.1 framing: small ones in a single write.

use std::cell::RefCell;
use std::future::poll_fn;

use bytes::{Bytes, BytesMut};
use stockade_model::{Headers, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite};

use super::transport::{Pace, Transport};
use crate::message::{BodyLength, ClientGone, ResponseSink};
use crate::refuse::phrase;
use crate::shared::Worker;

/// Bytes that are copied together rather than written apart.
const HOLD_BYTES: usize = 16 * 1024;
/// A body shorter than this that the client still has to send is read away to keep the connection.
pub(crate) const SHORT_BODY: u64 = 64 * 1024;

/// How the body of the response is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delimited {
    /// No head was sent yet.
    Unsent,
    /// No body follows, whatever the head says (RFC 9112 6.3).
    Never,
    /// So many bytes to come.
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Close,
}

/// The response to the present request.
#[derive(Debug)]
pub(crate) struct Writer<'a, IO> {
    pub(crate) transport: &'a RefCell<Transport<IO>>,
    pub(crate) worker: &'a Worker,
    pace: Pace,
    head_only: bool,
    http11: bool,
    sends_trailers: bool,
    /// Whether the connection ends after this response.
    close: bool,
    delimited: Delimited,
    broken: bool,
    /// Some of the response is on its way.
    flowing: bool,
}

/// What the request's head decides about its response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// HEAD: no body follows.
    pub(crate) head_only: bool,
    /// HTTP/1.1 rather than 1.0.
    pub(crate) http11: bool,
    /// The client takes trailers.
    pub(crate) sends_trailers: bool,
    /// The connection ends afterwards.
    pub(crate) close: bool,
    /// How slowly a client may read.
    pub(crate) pace: Pace,
}

impl<'a, IO: AsyncRead + AsyncWrite + Unpin> Writer<'a, IO> {
    pub(crate) fn new(transport: &'a RefCell<Transport<IO>>, worker: &'a Worker, terms: Terms) -> Self {
        Self {
            transport,
            worker,
            pace: terms.pace,
            head_only: terms.head_only,
            http11: terms.http11,
            sends_trailers: terms.sends_trailers,
            close: terms.close,
            delimited: Delimited::Unsent,
            broken: false,
            flowing: false,
        }
    }

    /// Whether the connection can carry another request: the response was whole, and its end was not announced.
    pub(crate) fn can_go_on(&self) -> bool {
        !self.broken
            && !self.close
            && matches!(self.delimited, Delimited::Never | Delimited::Length(0) | Delimited::Chunked)
    }

    /// Whether the response was sent whole.
    pub(crate) fn is_whole(&self) -> bool {
        !self.broken && !matches!(self.delimited, Delimited::Unsent)
    }

    /// Puts the head into the output buffer.
    fn begin(&mut self, head: &ResponseHead, length: BodyLength) {
        let draining = self.worker.is_draining();
        let mut transport = self.transport.borrow_mut();
        let bodiless = self.head_only || matches!(head.status, 100..=199 | 204 | 304);
        self.delimited = match length {
            _ if bodiless => Delimited::Never,
            BodyLength::None => Delimited::Length(0),
            BodyLength::Known(bytes) => Delimited::Length(bytes),
            BodyLength::Unknown if self.http11 => Delimited::Chunked,
            BodyLength::Unknown => Delimited::Close,
        };
        self.close |= draining || self.delimited == Delimited::Close || !transport.incoming.is_short(SHORT_BODY);
        transport.incoming.forget_interim();
        let out = &mut transport.output;
        out.reserve(head.headers.byte_len() + head.headers.len() * 4 + 160);
        status_line(out, head.status);
        for (name, value) in head.headers.iter() {
            field(out, name.as_bytes(), value);
        }
        if !head.headers.contains("date") {
            field(out, b"date", &self.worker.date(self.worker.shared.clock.now()));
        }
        match self.delimited {
            Delimited::Length(bytes) => length_field(out, bytes),
            Delimited::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            // HEAD and 304 may tell the length that the body would have (RFC 9110 8.6).
            Delimited::Never if self.head_only || head.status == 304 => {
                let told = head.content_length.or(match length {
                    BodyLength::Known(bytes) => Some(bytes),
                    BodyLength::None | BodyLength::Unknown => None,
                });
                if let Some(bytes) = told {
                    length_field(out, bytes);
                }
            }
            Delimited::Never | Delimited::Close | Delimited::Unsent => {}
        }
        if self.close {
            out.extend_from_slice(b"connection: close\r\n");
        } else if !self.http11 {
            out.extend_from_slice(b"connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Frames a piece: what can be copied goes into the output buffer, a large piece is left in `data`.
    fn frame(&mut self, data: &mut Bytes) {
        let mut transport = self.transport.borrow_mut();
        let out = &mut transport.output;
        match &mut self.delimited {
            Delimited::Never | Delimited::Unsent => return data.clear(),
            Delimited::Length(left) => {
                let fits = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
                // More than was announced would be read as the next response.
                self.broken |= fits < data.len();
                data.truncate(fits);
                *left = left.saturating_sub(fits as u64);
            }
            Delimited::Chunked => chunk_size(out, data.len()),
            Delimited::Close => {}
        }
        if out.len() + data.len() <= HOLD_BYTES {
            out.extend_from_slice(data);
            data.clear();
        }
    }

    async fn write(&mut self, mut piece: Bytes) -> Result<(), ClientGone> {
        self.flowing = true;
        let written = poll_fn(|cx| self.transport.borrow_mut().poll_write_all(cx, &mut piece, self.pace)).await;
        written.map_err(|_| {
            self.broken = true;
            ClientGone
        })
    }

    /// Puts the end of the body into the output buffer.
    fn end(&mut self, trailers: Option<Headers>) {
        let mut transport = self.transport.borrow_mut();
        match self.delimited {
            Delimited::Chunked => {
                let out = &mut transport.output;
                out.extend_from_slice(b"0\r\n");
                for (name, value) in trailers.iter().filter(|_| self.sends_trailers).flat_map(Headers::iter) {
                    field(out, name.as_bytes(), value);
                }
                out.extend_from_slice(b"\r\n");
            }
            // Fewer bytes than announced: only the end of the connection can tell.
            Delimited::Length(left) => self.broken |= left > 0,
            Delimited::Never | Delimited::Close | Delimited::Unsent => {}
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> ResponseSink for Writer<'_, IO> {
    async fn head(&mut self, head: &ResponseHead, length: BodyLength) -> Result<(), ClientGone> {
        self.begin(head, length);
        Ok(())
    }

    async fn data(&mut self, mut data: Bytes) -> Result<(), ClientGone> {
        if data.is_empty() {
            return Ok(());
        }
        self.frame(&mut data);
        if !data.is_empty() {
            self.write(data).await?;
        }
        if self.delimited == Delimited::Chunked {
            self.transport.borrow_mut().output.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ClientGone> {
        if self.transport.borrow().output.is_empty() {
            return Ok(());
        }
        self.write(Bytes::new()).await
    }

    async fn finish(&mut self, trailers: Option<Headers>) -> Result<(), ClientGone> {
        self.end(trailers);
        self.flush().await
    }

    async fn whole(&mut self, head: &ResponseHead, mut body: Bytes) -> Result<(), ClientGone> {
        self.begin(head, BodyLength::Known(body.len() as u64));
        self.frame(&mut body);
        self.write(body).await
    }

    fn retract(&mut self) -> bool {
        let held = !self.flowing && self.delimited != Delimited::Unsent;
        if held {
            self.transport.borrow_mut().output.clear();
            self.delimited = Delimited::Unsent;
            self.broken = false;
        }
        held
    }

    fn abort(&mut self) {
        self.broken = true;
        self.transport.borrow_mut().output.clear();
    }
}

/// Writes `HTTP/1.1 status phrase`; the version is ours, whatever the client's (RFC 9112 2.3).
pub(crate) fn status_line(out: &mut BytesMut, status: u16) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, u64::from(status));
    out.extend_from_slice(b" ");
    out.extend_from_slice(phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes one field.
pub(crate) fn field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn length_field(out: &mut BytesMut, bytes: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, bytes);
    out.extend_from_slice(b"\r\n");
}

fn decimal(out: &mut BytesMut, number: u64) {
    digits(out, number, 10);
}

fn chunk_size(out: &mut BytesMut, bytes: usize) {
    digits(out, bytes as u64, 16);
    out.extend_from_slice(b"\r\n");
}

/// Writes a number in a base up to 16, without an allocation.
fn digits(out: &mut BytesMut, mut number: u64, base: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'0'; 20];
    let mut used = 0;
    for place in text.iter_mut().rev() {
        *place = usize::try_from(number % base).ok().and_then(|digit| DIGITS.get(digit)).copied().unwrap_or(b'0');
        used += 1;
        number /= base;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(text.len() - used..).unwrap_or_default());
}
