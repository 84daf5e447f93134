//! Moves the bytes of a tunnel: one bounded buffer each way, every frame header checked before it is passed on.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use stockade_model::plan::GatewayPlan;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::guard::{Guard, Origin, Violation, code};
use crate::http1::transport::{Timer, after};
use crate::shared::Worker;
use crate::upstream::Duplex;

/// A tunnel silent both ways for so many idle times is ended: applications that mean to stay send pings.
const SILENT_TIMES: u64 = 10;

/// How much is read of a client that was told Close.
const LINGER_BYTES: usize = 256 * 1024;

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// By a Close frame or by the end of the upstream's side.
    Closed,
    /// The client went away without a Close frame, or the connection broke.
    ClientGone,
    /// Nothing came for too long, or one side stopped reading.
    Silent,
    /// A frame broke the protocol.
    Violation { side: &'static str, why: &'static str },
}

/// One direction.
#[derive(Debug)]
struct Lane {
    buffer: BytesMut,
    guard: Guard,
    ended: bool,
    shut: bool,
    bytes: u64,
}

/// What one turn of a lane came to.
enum Turn {
    /// Something moved.
    Moved,
    /// Both ends of it are through.
    Through,
    Broken(Violation),
}

impl Lane {
    fn new(guard: Guard) -> Self {
        Self { buffer: BytesMut::new(), guard, ended: false, shut: false, bytes: 0 }
    }

    /// Takes bytes that were read already.
    fn put(&mut self, bytes: &[u8], second: u64) -> Result<(), Violation> {
        self.guard.check(bytes, second)?;
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what is held, else reads more: what cannot be written stops the reading.
    fn poll_turn<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut R,
        to: &mut W,
        scratch: &mut [u8],
        second: u64,
    ) -> Poll<io::Result<Turn>>
    where
        R: AsyncRead + Unpin + ?Sized,
        W: AsyncWrite + Unpin + ?Sized,
    {
        if !self.buffer.is_empty() {
            let written = ready!(Pin::new(&mut *to).poll_write(cx, &self.buffer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(written);
            if self.buffer.is_empty() {
                // TLS may hold a record back; what it cannot send yet goes with the next turn.
                let _ = Pin::new(to).poll_flush(cx)?;
            }
            return Poll::Ready(Ok(Turn::Moved));
        }
        if self.ended {
            if !self.shut {
                ready!(Pin::new(to).poll_shutdown(cx))?;
                self.shut = true;
            }
            return Poll::Ready(Ok(Turn::Through));
        }
        let mut read = ReadBuf::new(scratch);
        ready!(Pin::new(from).poll_read(cx, &mut read))?;
        self.ended = read.filled().is_empty();
        Poll::Ready(Ok(match self.put(read.filled(), second) {
            Ok(()) => Turn::Moved,
            Err(violation) => Turn::Broken(violation),
        }))
    }
}

/// Both directions.
pub(super) struct Pump<IO> {
    client: IO,
    upstream: Box<dyn Duplex>,
    up: Lane,
    down: Lane,
    begun: Option<Violation>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Pump<IO> {
    /// `input` and `early` are what client and upstream have sent already.
    pub(super) fn new(
        client: IO,
        upstream: Box<dyn Duplex>,
        plan: &GatewayPlan,
        input: BytesMut,
        early: &Bytes,
    ) -> Self {
        let lane = |from| {
            let limits = &plan.limits;
            Lane::new(Guard::new(from, limits.websocket_message_bytes, limits.control_frames_per_second))
        };
        let mut pump = Self { client, upstream, up: lane(Origin::Client), down: lane(Origin::Server), begun: None };
        pump.begun = pump.up.put(&input, 0).and_then(|()| pump.down.put(early, 0)).err();
        pump
    }

    /// Bytes that came from the client.
    pub(super) fn uploaded(&self) -> u64 {
        self.up.bytes
    }

    /// Bytes that came from the upstream.
    pub(super) fn downloaded(&self) -> u64 {
        self.down.bytes
    }

    /// Passes bytes on until the tunnel ends.
    pub(super) async fn run(&mut self, worker: &Worker, plan: &GatewayPlan) -> Ending {
        if let Some((code, why)) = self.begun {
            self.close(code, plan).await;
            return Ending::Violation { side: "handshake", why };
        }
        let mut drain = worker.shared.drain.clone();
        let mut drained = pin!(async move { drain.wait_for(|draining| *draining).await.is_ok() });
        let mut timer = Timer::default();
        let mut moved = Instant::now();
        let silence = u64::from(plan.timeouts.idle_ms).saturating_mul(SILENT_TIMES);
        let (ending, close) = poll_fn(|cx| {
            loop {
                match self.poll_both(cx, &mut worker.scratch.borrow_mut(), worker) {
                    Poll::Ready(Some(ending)) => return Poll::Ready(ending),
                    Poll::Ready(None) => moved = Instant::now(),
                    Poll::Pending => break,
                }
            }
            if drained.as_mut().poll(cx).is_ready() {
                return Poll::Ready((Ending::Closed, Some(code::GOING_AWAY)));
            }
            let stuck = !self.up.buffer.is_empty() || !self.down.buffer.is_empty();
            let patience = if stuck { u64::from(plan.timeouts.write_stall_ms) } else { silence };
            ready!(timer.poll_passed(cx, after(moved, patience)));
            Poll::Ready((Ending::Silent, Some(code::GOING_AWAY)))
        })
        .await;
        if let Some(code) = close {
            self.close(code, plan).await;
        }
        ending
    }

    /// One turn of each lane. `None`: something moved.
    fn poll_both(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        worker: &Worker,
    ) -> Poll<Option<(Ending, Option<u16>)>> {
        let second = worker.shared.clock.now().monotonic_us / 1_000_000;
        let Self { client, upstream, up, down, .. } = self;
        let first = up.poll_turn(cx, client, &mut **upstream, scratch, second);
        let other = down.poll_turn(cx, &mut **upstream, client, scratch, second);
        let orderly = up.guard.has_closed() || down.guard.has_closed();
        let mut moved = false;
        for (turn, side) in [(first, "client"), (other, "upstream")] {
            match turn {
                Poll::Pending => {}
                Poll::Ready(Ok(Turn::Moved)) => moved = true,
                // When one side is through there is nothing left to say to it: an answer to Close has been passed on.
                Poll::Ready(Ok(Turn::Through)) => {
                    let ending = if orderly || side == "upstream" { Ending::Closed } else { Ending::ClientGone };
                    return Poll::Ready(Some((ending, None)));
                }
                Poll::Ready(Ok(Turn::Broken((code, why)))) => {
                    return Poll::Ready(Some((Ending::Violation { side, why }, Some(code))));
                }
                Poll::Ready(Err(_)) => {
                    let ending = if orderly { Ending::Closed } else { Ending::ClientGone };
                    return Poll::Ready(Some((ending, None)));
                }
            }
        }
        if moved { Poll::Ready(None) } else { Poll::Pending }
    }

    /// Sends Close to both sides, where a frame may stand, and ends both.
    async fn close(&mut self, code: u16, plan: &GatewayPlan) {
        let [high, low] = code.to_be_bytes();
        let deadline = after(Instant::now(), u64::from(plan.timeouts.write_stall_ms).min(1_000));
        let mut timer = Timer::default();
        if self.down.guard.at_boundary() && !self.down.guard.has_closed() {
            self.down.buffer.extend_from_slice(&[0x88, 2, high, low]);
        }
        // What the client sent wrongly is not passed on; a mask of zeros leaves the payload as it is.
        if self.up.guard.at_boundary() && self.up.buffer.is_empty() && !self.up.guard.has_closed() {
            self.up.buffer.extend_from_slice(&[0x88, 0x82, 0, 0, 0, 0, high, low]);
        }
        self.up.ended = true;
        self.down.ended = true;
        poll_fn(|cx| {
            let Self { client, upstream, up, down, .. } = self;
            let mut pending = false;
            for upward in [true, false] {
                loop {
                    let turn = if upward {
                        up.poll_turn(cx, client, &mut **upstream, &mut [], 0)
                    } else {
                        down.poll_turn(cx, &mut **upstream, client, &mut [], 0)
                    };
                    match turn {
                        Poll::Ready(Ok(Turn::Moved)) => {}
                        Poll::Pending => {
                            pending = true;
                            break;
                        }
                        Poll::Ready(_) => break,
                    }
                }
            }
            if pending { timer.poll_passed(cx, deadline) } else { Poll::Ready(()) }
        })
        .await;
        self.linger(deadline, timer).await;
    }

    /// Reads on for a moment, so that a reset does not overtake the Close frame on its way to the client.
    async fn linger(&mut self, deadline: Instant, mut timer: Timer) {
        let mut room = [0; 2048];
        let mut left = LINGER_BYTES;
        poll_fn(|cx| {
            while left > 0 {
                let mut read = ReadBuf::new(&mut room);
                match Pin::new(&mut self.client).poll_read(cx, &mut read) {
                    Poll::Ready(Ok(())) if !read.filled().is_empty() => left = left.saturating_sub(read.filled().len()),
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return timer.poll_passed(cx, deadline),
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}
