//! One HTTP/1.1 connection: what is still to be written, what was read, and when it may serve again.
//!
//! The task of an exchange drives it itself; there is no task and no channel between.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::time::Instant;

use super::head::{Asked, Framing, HeadReader, Parsed};
use crate::chunked;
use crate::upstream::deadline::{Limits, Timer};
use crate::upstream::failure::{Failure, Retry};
use crate::upstream::io::Io;
use crate::upstream::reason::{BAD_FRAMING, BAD_HEAD, RESET, TIMEOUT, TRUNCATED};

/// Bytes asked for in one read, and kept as a buffer by an idle connection.
const READ_BYTES: usize = 8 * 1024;

/// Bytes asked for when a long body is on its way.
const LONG_READ_BYTES: usize = 64 * 1024;

/// Heads of status 1xx before the final one.
const INTERIM_HEADS: u8 = 8;

/// Bodies up to this size are copied behind the head: cheaper than a vectored write.
const COPIED_BODY_BYTES: usize = 4 * 1024;

/// How far the request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// More will be queued.
    Open,
    /// All of it is queued.
    Whole,
    /// It will never be complete.
    Broken,
}

/// A connection to a target.
#[derive(Debug)]
pub(in crate::upstream) struct Connection {
    io: Option<Io>,
    read: BytesMut,
    head: HeadReader,
    interim: u8,
    out: Vec<u8>,
    out_at: usize,
    body: Bytes,
    tail: &'static [u8],
    sending: Sending,
    /// Bytes of this request that were written.
    written: u64,
    /// A byte of the answer has come.
    answered: bool,
    /// The final head has come.
    pub(super) headed: bool,
    served: bool,
    timer: Timer,
    idle_since: Instant,
}

/// What a body was read to.
#[derive(Debug)]
pub(super) enum Piece {
    /// Some of it, never empty.
    Data(Bytes),
    /// Its end, with the trailers as they came.
    End(stockade_model::Headers),
}

impl Connection {
    /// A connection that has not served yet.
    pub(in crate::upstream) fn new(io: Io) -> Self {
        Self {
            io: Some(io),
            read: BytesMut::new(),
            head: HeadReader::default(),
            interim: 0,
            out: Vec::new(),
            out_at: 0,
            body: Bytes::new(),
            tail: b"",
            sending: Sending::Broken,
            written: 0,
            answered: false,
            headed: false,
            served: false,
            timer: Timer::default(),
            idle_since: Instant::now(),
        }
    }

    /// Since when it has been idle.
    pub(in crate::upstream) const fn idle_since(&self) -> Instant {
        self.idle_since
    }

    /// Whether it may serve: open, and nothing came in while it was idle.
    pub(in crate::upstream) fn is_quiet(&self, thoroughly: bool) -> bool {
        self.io.as_ref().is_some_and(|io| io.is_quiet(thoroughly))
    }

    /// Begins a request. The caller writes its head into the buffer that `head` gets.
    pub(super) fn begin(
        &mut self,
        head: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>,
        whole: bool,
    ) -> Result<(), Failure> {
        self.out.clear();
        self.out_at = 0;
        head(&mut self.out)?;
        self.sending = if whole { Sending::Whole } else { Sending::Open };
        self.written = 0;
        self.interim = 0;
        self.answered = false;
        self.headed = false;
        Ok(())
    }

    /// Queues bytes of the body; the queue must be empty but for a head.
    pub(super) fn queue(&mut self, body: Bytes, tail: &'static [u8]) {
        if body.len() <= COPIED_BODY_BYTES {
            self.out.extend_from_slice(&body);
            self.out.extend_from_slice(tail);
        } else {
            self.body = body;
            self.tail = tail;
        }
    }

    /// Queues what stands before a piece of the body.
    pub(super) fn queue_prefix(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// All of the request is queued.
    pub(super) fn queued_whole(&mut self) {
        self.sending = Sending::Whole;
    }

    /// The request will never be complete: the connection cannot serve another.
    pub(super) fn break_request(&mut self) {
        self.sending = Sending::Broken;
    }

    /// Whether the request is written to its end.
    fn is_sent(&self) -> bool {
        self.sending == Sending::Whole && self.is_flushed()
    }

    fn is_flushed(&self) -> bool {
        self.out.len() == self.out_at && self.body.is_empty() && self.tail.is_empty()
    }

    /// Whether writing failed; the answer may come all the same.
    pub(super) fn is_broken(&self) -> bool {
        self.sending == Sending::Broken || self.io.is_none()
    }

    /// Bytes of the request written so far.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Closes at once. The upstream sees the end in the middle of whatever went on.
    pub(in crate::upstream) fn close(&mut self) {
        self.io = None;
        self.sending = Sending::Broken;
        self.body = Bytes::new();
    }

    /// Readies it for the pool. `false`, and closed, when it must not serve again.
    pub(super) fn rest(&mut self) -> bool {
        // Bytes beyond the answer belong to nothing that was asked for.
        if self.io.is_none() || !self.is_sent() || !self.read.is_empty() {
            self.close();
            return false;
        }
        if self.read.capacity() > LONG_READ_BYTES {
            self.read = BytesMut::new();
        }
        if self.out.capacity() > LONG_READ_BYTES {
            self.out = Vec::new();
        }
        self.served = true;
        self.idle_since = Instant::now();
        true
    }

    /// Takes the connection out, with what was read behind the head of a switch.
    pub(super) fn take(&mut self) -> Option<(Io, Bytes)> {
        let rest = std::mem::take(&mut self.read).freeze();
        self.io.take().map(|io| (io, rest))
    }

    /// Writes what is queued.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(io) = self.io.as_mut() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        loop {
            let out = self.out.get(self.out_at..).unwrap_or_default();
            let wrote = match (out.is_empty(), self.body.is_empty() && self.tail.is_empty()) {
                (true, true) => {
                    self.out.clear();
                    self.out_at = 0;
                    // TLS may hold a record back; in clear this does nothing.
                    return Pin::new(io).poll_flush(context);
                }
                (false, true) => Pin::new(&mut *io).poll_write(context, out),
                _ => {
                    let slices = [IoSlice::new(out), IoSlice::new(&self.body), IoSlice::new(self.tail)];
                    Pin::new(&mut *io).poll_write_vectored(context, &slices)
                }
            };
            match ready!(wrote) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(wrote) => {
                    self.written = self.written.saturating_add(wrote as u64);
                    let of_out = wrote.min(self.out.len().saturating_sub(self.out_at));
                    self.out_at += of_out;
                    let of_body = (wrote - of_out).min(self.body.len());
                    self.body.advance(of_body);
                    self.tail = self.tail.get(wrote - of_out - of_body..).unwrap_or_default();
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes on. A failure only ends the writing: the answer may be on its way.
    fn poll_write_on(&mut self, context: &mut Context<'_>) -> Result<(), io::Error> {
        if self.sending == Sending::Broken || self.is_flushed() {
            return Ok(());
        }
        match self.poll_flush(context) {
            Poll::Ready(Err(error)) => {
                self.break_request();
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Waits on when nothing moves; ready when that has lasted too long.
    fn poll_limits(&mut self, context: &mut Context<'_>, limits: &mut Limits) -> Poll<()> {
        if self.sending == Sending::Open && self.is_flushed() {
            // It is the client that is awaited, not the upstream.
            limits.moved();
        }
        limits.saw(self.written);
        limits.poll(&mut self.timer, context)
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<io::Result<usize>> {
        let Some(io) = self.io.as_mut() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        self.read.reserve(bytes);
        pin!(io.read_buf(&mut self.read)).poll(context)
    }

    /// Writes the request and reads until the final head has come.
    pub(super) fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        asked: Asked,
        limits: &mut Limits,
    ) -> Poll<Result<Parsed, Failure>> {
        loop {
            match self.poll_write_on(context) {
                Err(error) if self.written == 0 => return Poll::Ready(Err(self.broke_off(&error.to_string()))),
                _ => {}
            }
            if !self.read.is_empty() {
                match self.head.read(&mut self.read, asked) {
                    Err(failure) => return Poll::Ready(Err(failure)),
                    Ok(None) => {}
                    Ok(Some(parsed)) if parsed.head.status < 200 && parsed.head.status != 101 => {
                        self.interim += 1;
                        if self.interim > INTERIM_HEADS {
                            let detail = format!("more than {INTERIM_HEADS} heads of status 1xx");
                            return Poll::Ready(Err(Failure::new(&BAD_HEAD, detail)));
                        }
                        continue;
                    }
                    Ok(Some(parsed)) => {
                        self.headed = true;
                        // Answered before the request was read: what the upstream makes of the rest is unknown.
                        let keep_alive = parsed.keep_alive && self.is_sent();
                        return Poll::Ready(Ok(Parsed { keep_alive, ..parsed }));
                    }
                }
            }
            match self.poll_fill(context, READ_BYTES) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.broke_off("connection closed"))),
                Poll::Ready(Ok(_)) => {
                    self.answered = true;
                    limits.moved();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.broke_off(&error.to_string()))),
                Poll::Pending => {
                    ready!(self.poll_limits(context, limits));
                    return Poll::Ready(Err(Failure::new(&TIMEOUT, "no head in time")));
                }
            }
        }
    }

    /// The connection ended before a final head.
    fn broke_off(&self, what: &str) -> Failure {
        if self.answered {
            return Failure::new(&BAD_HEAD, format!("broke off within the head: {what}"));
        }
        let retry = if self.written == 0 { Retry::Always } else { Retry::Idempotent };
        Failure { stale: self.served, ..Failure::new(&RESET, what.to_owned()).retry(retry) }
    }

    /// Reads the next piece of the body; writes on what is left of the request.
    pub(super) fn poll_body(
        &mut self,
        context: &mut Context<'_>,
        framing: &mut Framing,
        limits: &mut Limits,
    ) -> Poll<Result<Piece, Failure>> {
        loop {
            // An answer that has begun says more about the exchange than a write that fails.
            let _ = self.poll_write_on(context);
            let mut want = READ_BYTES;
            match framing {
                Framing::None | Framing::Length(0) => return Poll::Ready(Ok(Piece::End(Default::default()))),
                Framing::Length(left) if !self.read.is_empty() => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(self.read.len());
                    *left -= take as u64;
                    return Poll::Ready(Ok(Piece::Data(self.read.split_to(take).freeze())));
                }
                Framing::Length(left) => {
                    want = usize::try_from(*left).unwrap_or(usize::MAX).clamp(READ_BYTES, LONG_READ_BYTES);
                }
                Framing::Chunked(decoder) => match decoder.next(&mut self.read) {
                    Ok(chunked::Piece::Data(data)) => return Poll::Ready(Ok(Piece::Data(data))),
                    Ok(chunked::Piece::End) => {
                        return Poll::Ready(Ok(Piece::End(decoder.trailers().unwrap_or_default())));
                    }
                    Ok(chunked::Piece::More) => {}
                    Err(error) => return Poll::Ready(Err(Failure::new(&BAD_FRAMING, error.to_string()))),
                },
                Framing::Close if !self.read.is_empty() => {
                    return Poll::Ready(Ok(Piece::Data(self.read.split().freeze())));
                }
                Framing::Close => {}
            }
            match self.poll_fill(context, want) {
                // In TLS the end must be announced, or reading fails: nobody can cut a body short unseen.
                Poll::Ready(Ok(0)) if matches!(framing, Framing::Close) => {
                    return Poll::Ready(Ok(Piece::End(Default::default())));
                }
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(Failure::new(&TRUNCATED, "connection closed within the body")));
                }
                Poll::Ready(Ok(_)) => limits.moved(),
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Failure::new(&TRUNCATED, format!("within the body: {error}"))));
                }
                Poll::Pending => {
                    ready!(self.poll_limits(context, limits));
                    return Poll::Ready(Err(Failure::new(&TIMEOUT, "the body was not complete in time")));
                }
            }
        }
    }
}
