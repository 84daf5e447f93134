//! Drives one HTTP/2 connection: streams in, GOAWAY at the right times, and an end to everything that lingers.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use stockade_model::plan::{GatewayPlan, TimeoutsPlan};
use stockade_model::{Client, Reason as Told};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::guard::{Guard, Watch};
use super::line::Line;
use super::streams::{Fault, Streams};
use super::{reasons, settings, stream};
use crate::emit::{self, Malformed};
use crate::normalise::refusal;
use crate::shared::{WorkerRef, count};

/// How long a client may take to see a GOAWAY before the connection is closed under it.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves one connection to its end; `buffered` is what was read of it already.
pub(crate) async fn serve<IO>(worker: WorkerRef, io: IO, client: Arc<Client>, buffered: BytesMut, accepted: Instant)
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let edge = worker.edge();
    let GatewayPlan { limits, timeouts, .. } = edge.plan();
    let now = Instant::now();
    let streams = Rc::new(Streams::new(now));
    let watch = Watch::new(limits.control_frames_per_second, Rc::clone(&streams), now);
    let guard = Guard::new(io, buffered, Rc::clone(&watch));
    // The preface counts as the head of the connection: from accept on, as every head does.
    let deadline = accepted + milliseconds(timeouts.head_ms);
    let handshake = settings::builder(limits).handshake::<_, Bytes>(guard);
    let Ok(Ok(connection)) = tokio::time::timeout_at(deadline, handshake).await else { return };
    let driver = Driver {
        connection,
        client,
        watch,
        streams,
        times: Times::new(timeouts),
        requests: 0,
        most_requests: limits.requests_per_connection,
        most_streams: u32::from(limits.streams_per_connection),
        phase: Phase::Open,
        first_by: deadline,
        looked: now,
        worker,
    };
    drop(edge);
    driver.run().await;
}

fn milliseconds(number: u32) -> Duration {
    Duration::from_millis(u64::from(number))
}

#[derive(Debug, Clone, Copy)]
struct Times {
    idle: Duration,
    stall: Duration,
}

impl Times {
    fn new(plan: &TimeoutsPlan) -> Self {
        Self { idle: milliseconds(plan.idle_ms), stall: milliseconds(plan.write_stall_ms) }
    }
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Takes requests.
    Open,
    /// GOAWAY was sent: running streams end, then the connection.
    Leaving(Instant),
    /// The last GOAWAY was sent: nothing but that leaves any more.
    Closing(Instant),
}

/// What happened next on the connection.
enum Happening {
    Stream(Request<RecvStream>, SendResponse<Bytes>),
    Faults(Vec<Fault>),
    Flood,
    Draining,
    Time,
    Over(Option<h2::Error>),
}

struct Driver<IO> {
    connection: Connection<Guard<IO>, Bytes>,
    client: Arc<Client>,
    watch: Rc<Watch>,
    streams: Rc<Streams>,
    times: Times,
    requests: u32,
    most_requests: u32,
    most_streams: u32,
    phase: Phase,
    /// When the first request must have come.
    first_by: Instant,
    /// When the deadlines were last looked at.
    looked: Instant,
    worker: WorkerRef,
}

impl<IO> Driver<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    async fn run(mut self) {
        let mut drain = self.worker.shared.drain.clone();
        // A sender that is gone is a gateway that ends.
        let mut draining = pin!(async move { drain.wait_for(|draining| *draining).await.map(|_| ()).ok() });
        let mut draining_seen = false;
        let mut timer = pin!(tokio::time::sleep_until(self.deadline()));
        loop {
            let happening = poll_fn(|context| {
                if !draining_seen && draining.as_mut().poll(context).is_ready() {
                    draining_seen = true;
                    return Poll::Ready(Happening::Draining);
                }
                self.poll(context, timer.as_mut())
            })
            .await;
            match happening {
                Happening::Stream(request, respond) => self.begin(request, respond),
                Happening::Faults(faults) => self.report(&faults),
                Happening::Flood => self.flooded(),
                Happening::Draining => self.leave(),
                Happening::Time => {
                    if !self.on_time() {
                        return;
                    }
                }
                Happening::Over(error) => {
                    self.report(&self.streams.take_faults());
                    if let Some(error) = error.filter(|error| error.is_library() && error.is_go_away()) {
                        let flood = error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
                        let reason = if flood { &reasons::FLOOD } else { &reasons::MALFORMED };
                        self.tell(reason, "", error.to_string());
                    }
                    return;
                }
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>, mut timer: Pin<&mut Sleep>) -> Poll<Happening> {
        match self.connection.poll_accept(context) {
            Poll::Ready(Some(Ok((request, respond)))) => return Poll::Ready(Happening::Stream(request, respond)),
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Happening::Over(Some(error))),
            Poll::Ready(None) => return Poll::Ready(Happening::Over(None)),
            Poll::Pending => {}
        }
        if self.watch.flooded() && !matches!(self.phase, Phase::Closing(_)) {
            return Poll::Ready(Happening::Flood);
        }
        let faults = self.streams.take_faults();
        if !faults.is_empty() {
            return Poll::Ready(Happening::Faults(faults));
        }
        self.streams.sweep(None);
        // Moved only to an earlier time: a timer that fires too early is set anew, which is cheaper than to move it at
        // every turn.
        let deadline = self.deadline();
        if deadline < timer.deadline() || timer.is_elapsed() {
            timer.as_mut().reset(deadline);
        }
        timer.poll(context).map(|()| Happening::Time)
    }

    fn begin(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        self.requests = self.requests.saturating_add(1);
        // What was under way when GOAWAY left is served. A client that goes on for ever is not.
        if self.requests > self.most_requests.saturating_add(self.most_streams) {
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        let line = Line::new(respond, Rc::clone(&self.streams));
        tokio::task::spawn_local(stream::run(Rc::clone(&self.worker), Arc::clone(&self.client), request, line));
        if self.requests == self.most_requests {
            self.leave();
        }
    }

    /// Says that no further stream is taken (RFC 9113 6.8); those that run may end.
    fn leave(&mut self) {
        if self.phase == Phase::Open {
            self.connection.graceful_shutdown();
            self.phase = Phase::Leaving(Instant::now());
        }
    }

    fn close(&mut self, reason: Reason) {
        self.connection.abrupt_shutdown(reason);
        self.phase = Phase::Closing(Instant::now());
    }

    fn flooded(&mut self) {
        count(&self.worker.shared.counters.refused_connections);
        self.tell(&reasons::FLOOD, "gateway.limits.control_frames", "too many frames without substance");
        self.close(Reason::ENHANCE_YOUR_CALM);
    }

    fn report(&self, faults: &[Fault]) {
        for fault in faults {
            match fault {
                Fault::Malformed => self.tell(&reasons::MALFORMED, "", "a stream was reset with PROTOCOL_ERROR"),
                Fault::TooLarge => {
                    self.tell(&reasons::HEAD_TOO_LARGE, "gateway.limits.head", "a stream was answered 431")
                }
            }
        }
    }

    /// Writes the event of something that never became a request.
    fn tell(&self, reason: &'static Told, setting: &'static str, detail: impl Into<String>) {
        let now = self.worker.shared.clock.now();
        let id = self.worker.request_id(now);
        let refusal = refusal(reason, setting, detail);
        let malformed = Malformed {
            id,
            client: &self.client,
            request: None,
            refusal: &refusal,
            bytes: 0,
            complete: false,
            started: now,
        };
        emit::malformed(&self.worker, &self.worker.edge(), malformed);
    }

    /// When something has to be looked at next.
    fn deadline(&self) -> Instant {
        let rest = match self.phase {
            Phase::Closing(since) => since + FAREWELL,
            // Running streams have deadlines of their own.
            _ if self.streams.running() > 0 => self.looked + self.times.idle,
            Phase::Leaving(since) => since.max(self.streams.last_active()) + FAREWELL,
            Phase::Open if self.requests == 0 => self.first_by,
            Phase::Open => self.streams.last_active() + self.times.idle,
        };
        let leaving = self.streams.leaving_since().map(|since| since + self.times.stall);
        let blocked = self.watch.blocked_since().map(|since| since + self.times.stall);
        [leaving, blocked].into_iter().flatten().fold(rest, Instant::min)
    }

    /// Does what is due. `false` when the connection is to be dropped.
    fn on_time(&mut self) -> bool {
        let now = Instant::now();
        self.looked = now;
        // The client reads nothing: no GOAWAY would reach it either.
        if self.watch.blocked_since().is_some_and(|since| since + self.times.stall <= now) {
            return false;
        }
        if let Some(limit) = now.checked_sub(self.times.stall) {
            self.streams.sweep(Some(limit));
        }
        let running = self.streams.running() > 0;
        match self.phase {
            Phase::Closing(since) => since + FAREWELL > now,
            Phase::Leaving(since) if !running && since.max(self.streams.last_active()) + FAREWELL <= now => {
                // The client did not answer the PING that goes with GOAWAY.
                self.close(Reason::NO_ERROR);
                true
            }
            Phase::Open if !running => {
                let due = if self.requests == 0 { self.first_by } else { self.streams.last_active() + self.times.idle };
                if due <= now {
                    self.leave();
                }
                true
            }
            _ => true,
        }
    }
}
