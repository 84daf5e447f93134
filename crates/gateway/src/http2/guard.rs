//! Stands between the socket and h2: counts what the client sends, and watches what leaves.
//!
//! h2 has no limit of its own on PING, SETTINGS, PRIORITY and similar frames, does not tell which streams it refused
//! by itself, and does not tell whether a finished response has left. All of that can be read off the frame headers
//! that pass through here.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::budget::Budget;
use super::frames::{Frame, Scanner, kind};
use super::streams::Streams;
use crate::accept::PREFACE;

/// Bytes that must leave before a blocked connection counts as unblocked; anything less is a drip.
const PROGRESS_BYTES: usize = 16 * 1024;

/// What the guard saw, for the connection's driver.
#[derive(Debug)]
pub(super) struct Watch {
    budget: RefCell<Budget>,
    flooded: Cell<bool>,
    blocked: Cell<Option<Blocked>>,
    streams: Rc<Streams>,
}

#[derive(Debug, Clone, Copy)]
struct Blocked {
    since: Instant,
    written: usize,
}

impl Watch {
    pub(super) fn new(control_frames_per_second: u32, streams: Rc<Streams>, now: Instant) -> Rc<Self> {
        Rc::new(Self {
            budget: RefCell::new(Budget::new(control_frames_per_second, now)),
            flooded: Cell::new(false),
            blocked: Cell::new(None),
            streams,
        })
    }

    /// Whether the client sent too many control frames. Nothing more is read from it then.
    pub(super) fn flooded(&self) -> bool {
        self.flooded.get()
    }

    /// Since when the client has not taken what is to be written to it.
    pub(super) fn blocked_since(&self) -> Option<Instant> {
        self.blocked.get().map(|blocked| blocked.since)
    }

    fn received(&self, frame: &Frame) {
        if !self.budget.borrow_mut().receive(frame, Instant::now) {
            self.flooded.set(true);
        }
    }

    fn sent(&self, frame: &Frame) {
        if frame.kind == kind::DATA {
            self.budget.borrow_mut().exchange(u64::from(frame.length));
        }
        self.streams.sent(frame);
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        match (outcome, self.blocked.get()) {
            (Poll::Pending, None) => self.blocked.set(Some(Blocked { since: Instant::now(), written: 0 })),
            (Poll::Ready(Ok(bytes)), Some(blocked)) => {
                let written = blocked.written.saturating_add(*bytes);
                let blocked = Blocked { written, ..blocked };
                self.blocked.set((written < PROGRESS_BYTES).then_some(blocked));
            }
            _ => {}
        }
    }
}

/// A connection with its guard.
#[derive(Debug)]
pub(super) struct Guard<IO> {
    io: IO,
    /// What was read before HTTP/2 was recognised.
    buffered: BytesMut,
    incoming: Scanner,
    outgoing: Scanner,
    watch: Rc<Watch>,
}

impl<IO> Guard<IO> {
    pub(super) fn new(io: IO, buffered: BytesMut, watch: Rc<Watch>) -> Self {
        Self { io, buffered, incoming: Scanner::new(PREFACE.len()), outgoing: Scanner::new(0), watch }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guard<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.flooded() {
            // The driver looks at the flag whenever h2 has nothing more to read, so no waker is needed.
            return Poll::Pending;
        }
        let before = out.filled().len();
        if this.buffered.is_empty() {
            match Pin::new(&mut this.io).poll_read(context, out) {
                Poll::Ready(Ok(())) => {}
                other => return other,
            }
        } else {
            let length = this.buffered.len().min(out.remaining());
            out.put_slice(this.buffered.get(..length).unwrap_or_default());
            this.buffered.advance(length);
        }
        let watch = &this.watch;
        this.incoming.feed(out.filled().get(before..).unwrap_or_default(), |frame| watch.received(&frame));
        if this.watch.flooded() {
            out.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guard<IO> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_write(context, bytes);
        this.watch.wrote(&outcome);
        if let Poll::Ready(Ok(written)) = outcome {
            let watch = &this.watch;
            this.outgoing.feed(bytes.get(..written).unwrap_or(bytes), |frame| watch.sent(&frame));
        }
        outcome
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.watch.wrote(&outcome);
        if let Poll::Ready(Ok(mut left)) = outcome {
            let watch = &this.watch;
            for slice in slices {
                let written = left.min(slice.len());
                this.outgoing.feed(slice.get(..written).unwrap_or_default(), |frame| watch.sent(&frame));
                left -= written;
            }
        }
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.io).poll_flush(context);
        match outcome {
            // h2 flushes when nothing is left to write, so the client has caught up.
            Poll::Ready(Ok(())) => this.watch.blocked.set(None),
            Poll::Pending => this.watch.wrote(&Poll::Pending),
            Poll::Ready(Err(_)) => {}
        }
        outcome
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    fn guard(buffered: &[u8], capacity: usize) -> (Guard<DuplexStream>, DuplexStream, Rc<Watch>) {
        let now = Instant::now();
        let watch = Watch::new(10, Rc::new(Streams::new(now)), now);
        let (near, far) = tokio::io::duplex(capacity);
        (Guard::new(near, BytesMut::from(buffered), Rc::clone(&watch)), far, watch)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn bytes_pass_unchanged_those_read_before_first() {
        let (mut guard, mut far, watch) = guard(&PREFACE[..10], 1024);
        far.write_all(&PREFACE[10..]).await.unwrap();
        far.write_all(PING).await.unwrap();
        let mut read = vec![0; PREFACE.len() + PING.len()];
        guard.read_exact(&mut read).await.unwrap();
        assert_eq!(read, [PREFACE, PING].concat());
        assert!(!watch.flooded());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn nothing_more_is_read_once_there_were_too_many() {
        let (mut guard, mut far, watch) = guard(PREFACE, 1024);
        far.write_all(&PING.repeat(11)).await.unwrap();
        let mut read = Vec::new();
        let reading = tokio::time::timeout(std::time::Duration::from_millis(50), guard.read_to_end(&mut read));
        assert!(reading.await.is_err());
        assert!(read.len() < PREFACE.len() + 11 * PING.len());
        assert!(watch.flooded());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_blocked_client_is_noticed_until_it_reads_on() {
        let (mut guard, mut far, watch) = guard(b"", 64);
        let bytes = vec![0; 100];
        let writing = tokio::time::timeout(std::time::Duration::from_millis(20), guard.write_all(&bytes));
        assert!(writing.await.is_err());
        assert!(watch.blocked_since().is_some());
        far.read_exact(&mut [0; 64]).await.unwrap();
        guard.write_all(b"x").await.unwrap();
        assert!(watch.blocked_since().is_some(), "a drip is no progress");
        guard.flush().await.unwrap();
        assert!(watch.blocked_since().is_none());
    }
}
