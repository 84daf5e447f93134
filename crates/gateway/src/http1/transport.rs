//! One connection's bytes: what was read ahead, what is held back, and the two clocks that watch over them.
//!
//! Body and writer share it through a `RefCell` that is borrowed only while a future is polled, so that a request can
//! be read while its response is written.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use stockade_model::plan::TimeoutsPlan;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;

use super::body::Incoming;

/// Bytes read ahead of the request that is being served; a client that pipelines more waits.
const READ_AHEAD: usize = 16 * 1024;

/// A deadline that is armed only when it comes nearer, and moved when it fires too early: a new deadline for every
/// request costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Whether `at` has passed; otherwise the task is woken then, or before.
    pub(crate) fn poll_passed(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= at || Instant::now() >= at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        Poll::Pending
    }
}

/// Where a duration of the plan ends.
pub(crate) fn after(start: Instant, milliseconds: u64) -> Instant {
    // A year is for ever; it keeps the sum within what `Instant` can hold.
    start + Duration::from_millis(milliseconds.min(31_536_000_000))
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Transport<IO> {
    io: IO,
    /// Read and not taken yet.
    pub(crate) input: BytesMut,
    /// The client has ended its side.
    pub(crate) ended: bool,
    /// To be written; held back until more comes or somebody flushes.
    pub(crate) output: BytesMut,
    /// The body of the request that is being served.
    pub(crate) incoming: Incoming,
    /// Watches over reading.
    pub(crate) timer: Timer,
    /// A write was given up: what the kernel still holds is not worth keeping.
    pub(crate) stuck: bool,
    stall: Timer,
    /// Since when a write has waited, and how many bytes went out meanwhile.
    stalled: Option<(Instant, u64)>,
}

/// How slowly a client may read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Time in which a waiting write must make progress, ms.
    stall_ms: u64,
    /// Bytes that are progress: fewer are a drip, that could hold a response for ever.
    progress: u64,
}

impl Pace {
    /// The pace that the plan asks for.
    pub(crate) fn new(timeouts: &TimeoutsPlan) -> Self {
        let stall_ms = u64::from(timeouts.write_stall_ms);
        Self { stall_ms, progress: (stall_ms * u64::from(timeouts.body_bytes_per_second) / 1000).max(1) }
    }
}

/// A connection that can be ended without sending what the kernel still holds of it.
pub(crate) trait Reset {
    /// Makes dropping the connection reset it (RFC 9293 3.10.5).
    fn reset(&self);
}

impl Reset for TcpStream {
    fn reset(&self) {
        // A failure costs kernel memory until the client is gone, and nothing else.
        let _ = self.set_zero_linger();
    }
}

impl Reset for TlsStream<TcpStream> {
    fn reset(&self) {
        self.get_ref().0.reset();
    }
}

impl<IO: Reset> Transport<IO> {
    /// Makes the end of this connection a reset.
    pub(crate) fn reset(&self) {
        self.io.reset();
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Transport<IO> {
    pub(crate) fn new(io: IO, input: BytesMut) -> Self {
        Self {
            io,
            input,
            ended: false,
            output: BytesMut::new(),
            incoming: Incoming::default(),
            timer: Timer::default(),
            stuck: false,
            stall: Timer::default(),
            stalled: None,
        }
    }

    /// Gives back the connection and what was read of it.
    pub(crate) fn into_parts(self) -> (IO, BytesMut) {
        (self.io, self.input)
    }

    /// Reads through `scratch`, so that a connection without a request holds no buffer. Sets `ended` at the end.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<()>> {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut buffer))?;
        self.ended = buffer.filled().is_empty();
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }

    /// Reads up to `want` bytes straight into the input buffer, for bodies. Sets `ended` at the end.
    pub(crate) fn poll_fill_body(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<io::Result<()>> {
        self.input.reserve(want);
        let read = ready!(pin!(self.io.read_buf(&mut self.input)).poll(cx))?;
        self.ended = read == 0;
        Poll::Ready(Ok(()))
    }

    /// Waits until the client is gone. What it sends meanwhile is kept for later.
    ///
    /// After a read that took all there was, the runtime knows that the socket is empty: this costs no system call.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<()> {
        while !self.ended {
            if self.input.len() >= READ_AHEAD {
                return Poll::Pending;
            }
            if ready!(self.poll_fill(cx, scratch)).is_err() {
                self.ended = true;
            }
        }
        Poll::Ready(())
    }

    /// Writes all of `output`, then all of `piece`.
    ///
    /// # Errors
    /// The client is gone, or reads more slowly than `pace`.
    pub(crate) fn poll_write_all(
        &mut self,
        cx: &mut Context<'_>,
        piece: &mut Bytes,
        pace: Pace,
    ) -> Poll<io::Result<()>> {
        loop {
            let io = Pin::new(&mut self.io);
            let step = match (self.output.is_empty(), piece.is_empty()) {
                (true, true) => io.poll_flush(cx).map_ok(|()| None),
                (false, true) => io.poll_write(cx, &self.output).map_ok(Some),
                (true, false) => io.poll_write(cx, piece).map_ok(Some),
                (false, false) => {
                    io.poll_write_vectored(cx, &[IoSlice::new(&self.output), IoSlice::new(piece)]).map_ok(Some)
                }
            };
            match step? {
                Poll::Ready(None) => {
                    self.stalled = None;
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Some(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Some(written)) => {
                    self.stalled = self.stalled.and_then(|(since, bytes)| {
                        let bytes = bytes.saturating_add(written as u64);
                        (bytes < pace.progress).then_some((since, bytes))
                    });
                    let first = written.min(self.output.len());
                    self.output.advance(first);
                    piece.advance((written - first).min(piece.len()));
                }
                Poll::Pending => {
                    let (since, _) = *self.stalled.get_or_insert_with(|| (Instant::now(), 0));
                    ready!(self.stall.poll_passed(cx, after(since, pace.stall_ms)));
                    self.stuck = true;
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
        }
    }

    /// Ends our side of the connection.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true)]
    async fn a_timer_follows_its_deadline_both_ways() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let far = after(start, 60_000);
        let near = after(start, 10);
        assert!(poll_fn(|cx| Poll::Ready(timer.poll_passed(cx, far))).await.is_pending());
        poll_fn(|cx| timer.poll_passed(cx, near)).await;
        assert_eq!(Instant::now(), near);
        let later = after(start, 50);
        poll_fn(|cx| timer.poll_passed(cx, later)).await;
        assert_eq!(Instant::now(), later);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_nothing_is_cut_off() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut transport = Transport::new(ours, BytesMut::new());
        let mut piece = Bytes::from(vec![0; 64]);
        let start = Instant::now();
        let pace = Pace { stall_ms: 2_000, progress: 1 };
        let error = poll_fn(|cx| transport.poll_write_all(cx, &mut piece, pace)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_in_drips_is_cut_off_and_one_that_keeps_the_pace_is_not() {
        for (drip, whole) in [(10, false), (100, true)] {
            let (ours, mut theirs) = tokio::io::duplex(16);
            let reading = async {
                let mut buffer = vec![0; drip];
                loop {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    for _ in 0..drip {
                        if theirs.read_exact(&mut buffer[..1]).await.is_err() {
                            return;
                        }
                    }
                }
            };
            let writing = async move {
                let mut transport = Transport::new(ours, BytesMut::new());
                let mut piece = Bytes::from(vec![0; 2_000]);
                let pace = Pace { stall_ms: 2_000, progress: 200 };
                poll_fn(|cx| transport.poll_write_all(cx, &mut piece, pace)).await.is_ok()
            };
            let (written, ()) = tokio::join!(writing, reading);
            assert_eq!(written, whole, "{drip} bytes each 500 ms");
        }
    }
}
