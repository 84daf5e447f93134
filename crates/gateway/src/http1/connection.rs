//! One HTTP/1.1 connection: requests in order, one after the other, until one side ends it.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::{Buf, Bytes, BytesMut};
use stockade_model::plan::GatewayPlan;
use stockade_model::{Client, Framing, HttpVersion, Now, Refusal, RequestId, Scheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::body::{Body, Incoming};
use super::head::{MOST_FIELDS, Scanner, parse};
use super::transport::{Pace, Reset, Transport, after};
use super::writer::{SHORT_BODY, Terms, Writer, field, status_line};
use super::{framing, reasons};
use crate::emit::{self, Malformed, partial};
use crate::exchange::{self, After};
use crate::message::{RequestBody, ResponseSink};
use crate::normalise::{Arrival, Edge, RawHead, normalise, refusal};
use crate::refuse;
use crate::shared::WorkerRef;
use crate::websocket::{self, Tunnel};

/// How long an idle connection may stay when the gateway drains, so that its end can be announced on an answer.
const LONGEST_GRACE_MS: u64 = 5_000;
/// How long a closing connection is read from, so that a reset does not overtake the last answer (RFC 9112 9.6).
const LINGER_MS: u64 = 1_000;
/// How much of it.
const LINGER_BYTES: usize = 256 * 1024;

/// Brings a head into canonical form; says how its body is delimited.
///
/// # Errors
/// A head that is none, or whose framing is not beyond doubt.
pub(crate) fn arrive(
    edge: &Edge,
    client: &Arc<Client>,
    scheme: Scheme,
    id: RequestId,
    head: &[u8],
) -> Result<(Arrival, Framing), Box<Refusal>> {
    let mut storage = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let (bytes, length) = (head, head.len());
    let head = parse(head, &mut storage)?;
    let framing = framing::framing(head.version, head.fields)?;
    let raw = RawHead {
        method: head.method,
        target: head.target,
        version: head.version,
        scheme,
        authority: None,
        framing,
        size: (head.fields.len(), length),
    };
    let fields = head.fields.iter().map(|field| (field.name.as_bytes(), field.value));
    let mut arrival = normalise(edge, client, id, &raw, fields)?;
    if edge.keeps_received {
        arrival.request.received = Some(bytes.into());
    }
    Ok((arrival, framing))
}

/// What came where a head was expected.
enum Next {
    /// A head of so many bytes, at the front of the input.
    Head(usize),
    /// The client left, or stayed silent for too long.
    Silence,
    /// Something that is no head, or not in time.
    Bad(Box<Refusal>),
}

/// Serves one connection to its end; `buffered` is what was read of it already.
///
/// The clock of the first head runs from `accepted`, so a slow handshake gains nothing.
pub(crate) async fn serve<IO>(worker: WorkerRef, io: IO, client: Arc<Client>, buffered: BytesMut, accepted: Instant)
where
    IO: AsyncRead + AsyncWrite + Reset + Unpin + 'static,
{
    let scheme = if client.tls.is_some() { Scheme::Https } else { Scheme::Http };
    let connection = Connection { transport: RefCell::new(Transport::new(io, buffered)), worker, client, scheme };
    connection.run(accepted).await;
}

struct Connection<IO> {
    transport: RefCell<Transport<IO>>,
    worker: WorkerRef,
    client: Arc<Client>,
    scheme: Scheme,
}

impl<IO: AsyncRead + AsyncWrite + Reset + Unpin + 'static> Connection<IO> {
    async fn run(self, accepted: Instant) {
        let mut drain = self.worker.shared.drain.clone();
        // One future for the whole connection: it is polled only while nothing else is to be done.
        let mut drained = pin!(async move { drain.wait_for(|draining| *draining).await.is_ok() });
        let mut served = 0_u32;
        loop {
            let edge = self.worker.edge();
            let plan = edge.plan();
            let start = (served == 0).then_some(accepted);
            let length = match self.read_head(plan, start, drained.as_mut()).await {
                Next::Head(length) => length,
                Next::Silence => return self.end(false).await,
                Next::Bad(refusal) => return self.refuse(&edge, &refusal, self.worker.shared.clock.now(), None).await,
            };
            served = served.saturating_add(1);
            let now = self.worker.shared.clock.now();
            let id = self.worker.request_id(now);
            let arrival = match self.arrive(&edge, length, id) {
                Ok(arrival) => arrival,
                Err(refusal) => return self.refuse(&edge, &refusal, now, Some(id)).await,
            };
            let last = served >= plan.limits.requests_per_connection;
            match self.exchange(plan, arrival, last, now).await {
                Outcome::Next => {}
                Outcome::End { linger } => return self.end(linger).await,
                Outcome::Switch(tunnel) => return self.switch(&edge, tunnel).await,
            }
        }
    }

    /// Waits for a whole head. `start` is when its clock began, for the first one; else its first byte starts it.
    async fn read_head(
        &self,
        plan: &GatewayPlan,
        start: Option<Instant>,
        mut drained: Pin<&mut impl Future<Output = bool>>,
    ) -> Next {
        let mut scanner = Scanner::default();
        let mut idle_since = None;
        let mut begun = start;
        let mut draining_since = None;
        poll_fn(|cx| {
            let transport = &mut *self.transport.borrow_mut();
            loop {
                match scanner.scan(&transport.input, &plan.limits) {
                    Ok(Some(length)) => return Poll::Ready(Next::Head(length)),
                    Ok(None) => {}
                    Err(refusal) => return Poll::Ready(Next::Bad(refusal)),
                }
                if transport.ended && transport.input.is_empty() {
                    return Poll::Ready(Next::Silence);
                }
                if transport.ended {
                    let detail = format!("the connection ended after {} bytes of a head", transport.input.len());
                    return Poll::Ready(Next::Bad(refusal(&reasons::GRAMMAR, "", detail)));
                }
                match transport.poll_fill(cx, &mut self.worker.scratch.borrow_mut()) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Next::Silence),
                    Poll::Pending => break,
                }
            }
            if draining_since.is_none() && drained.as_mut().poll(cx).is_ready() {
                draining_since = Some(Instant::now());
            }
            let timeouts = &plan.timeouts;
            let silent = transport.input.is_empty();
            let mut deadline = if silent && begun.is_none() {
                after(*idle_since.get_or_insert_with(Instant::now), u64::from(timeouts.idle_ms))
            } else {
                after(*begun.get_or_insert_with(Instant::now), u64::from(timeouts.head_ms))
            };
            if let Some(since) = draining_since.filter(|_| silent) {
                deadline = deadline.min(after(since, (u64::from(timeouts.drain_ms) / 2).min(LONGEST_GRACE_MS)));
            }
            if transport.timer.poll_passed(cx, deadline).is_pending() {
                return Poll::Pending;
            }
            if silent {
                return Poll::Ready(Next::Silence);
            }
            let detail = format!("{} bytes had come", transport.input.len());
            Poll::Ready(Next::Bad(refusal(&reasons::HEAD_TIMEOUT, "gateway.timeouts.head", detail)))
        })
        .await
    }

    /// Takes the head from the front of the input and brings it into canonical form.
    fn arrive(&self, edge: &Edge, length: usize, id: RequestId) -> Result<Arrival, Box<Refusal>> {
        let transport = &mut *self.transport.borrow_mut();
        let head = transport.input.get(..length).unwrap_or_default();
        let (arrival, framing) = arrive(edge, &self.client, self.scheme, id, head)?;
        transport.input.advance(length);
        // An HTTP/1.0 client would take the interim answer for the final one (RFC 9110 10.1.1).
        let expects = arrival.expects_continue && arrival.request.version == HttpVersion::Http11;
        transport.incoming = Incoming::new(framing, expects, &edge.plan().limits);
        Ok(arrival)
    }

    async fn exchange(&self, plan: &GatewayPlan, arrival: Arrival, last: bool, started: Now) -> Outcome {
        let request = arrival.request;
        let http11 = request.version == HttpVersion::Http11;
        let stays = if http11 { !arrival.close } else { arrival.keep_alive && !arrival.close };
        let terms = Terms {
            head_only: request.method == "HEAD",
            http11,
            sends_trailers: http11 && request.headers.contains("te"),
            close: last || !stays,
            pace: Pace::new(&plan.timeouts),
        };
        let mut body = Body { transport: &self.transport, worker: &self.worker, plan };
        let mut writer = Writer::new(&self.transport, &self.worker, terms);
        match exchange::run(&self.worker, request, &mut body, &mut writer, started).await {
            After::Switch(tunnel) => Outcome::Switch(tunnel),
            After::Last => Outcome::End { linger: true },
            After::Broken => Outcome::End { linger: false },
            After::Done if !writer.is_whole() => Outcome::End { linger: false },
            After::Done if !writer.can_go_on() => Outcome::End { linger: !self.is_quiet() },
            After::Done => {
                // The next request begins where this body ends (RUSTSEC-2025-0037): read it away, or stop here.
                while !self.transport.borrow().incoming.is_done() {
                    if !self.transport.borrow().incoming.is_short(SHORT_BODY) || body.next().await.is_err() {
                        return Outcome::End { linger: true };
                    }
                }
                Outcome::Next
            }
        }
    }

    /// Whether nothing more is to come of this request, nor has come of a further one.
    fn is_quiet(&self) -> bool {
        let transport = self.transport.borrow();
        transport.incoming.is_done() && transport.input.is_empty()
    }

    /// Answers a head that is none, and ends the connection: where the next message begins is anybody's guess.
    async fn refuse(&self, edge: &Edge, refusal: &Refusal, started: Now, id: Option<RequestId>) {
        let id = id.unwrap_or_else(|| self.worker.request_id(started));
        let (head, body) = refuse::response(refusal, id);
        let pace = Pace::new(&edge.plan().timeouts);
        let terms = Terms { head_only: false, http11: true, sends_trailers: false, close: true, pace };
        let request = {
            let transport = &mut *self.transport.borrow_mut();
            transport.incoming = Incoming::default();
            if edge.keeps_received {
                let shared = &self.worker.shared;
                let lines = edge.engine.observe(&shared.state, &self.client, id, &transport.input, started);
                self.worker.rule_log.write(edge.plan(), lines);
            }
            partial::http1(&transport.input, self.scheme)
        };
        let bytes = body.len() as u64;
        let complete = Writer::new(&self.transport, &self.worker, terms).whole(&head, body).await.is_ok();
        let malformed = Malformed { id, client: &self.client, request, refusal, bytes, complete, started };
        emit::malformed(&self.worker, edge, malformed);
        self.end(complete).await;
    }

    /// Ends our side, then reads for a while what the client is still sending.
    async fn end(&self, linger: bool) {
        if self.transport.borrow().stuck {
            return self.transport.borrow().reset();
        }
        let deadline = after(Instant::now(), LINGER_MS);
        poll_fn(|cx| {
            let transport = &mut *self.transport.borrow_mut();
            if transport.poll_shutdown(cx).is_ready() {
                return Poll::Ready(());
            }
            transport.timer.poll_passed(cx, deadline)
        })
        .await;
        if !linger {
            return;
        }
        let mut most = LINGER_BYTES;
        poll_fn(|cx| {
            let transport = &mut *self.transport.borrow_mut();
            if transport.poll_discard(cx, &mut most, &mut self.worker.scratch.borrow_mut()).is_ready() {
                return Poll::Ready(());
            }
            transport.timer.poll_passed(cx, deadline)
        })
        .await;
    }

    /// Tells the client of the switch and becomes a tunnel.
    async fn switch(self, edge: &Edge, tunnel: Box<Tunnel>) {
        // Bytes sent before the answer could be a request to one side and a frame to the other.
        let early = !self.transport.borrow().input.is_empty();
        let pace = Pace::new(&edge.plan().timeouts);
        if early {
            let terms = Terms { head_only: false, http11: true, sends_trailers: false, close: true, pace };
            let mut writer = Writer::new(&self.transport, &self.worker, terms);
            tunnel.refuse_early(&self.worker, edge, &mut writer).await;
            return self.end(true).await;
        }
        {
            let out = &mut self.transport.borrow_mut().output;
            status_line(out, 101);
            out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n");
            for (name, value) in tunnel.head().headers.iter() {
                field(out, name.as_bytes(), value);
            }
            out.extend_from_slice(b"\r\n");
        }
        let mut nothing = Bytes::new();
        let sent = poll_fn(|cx| self.transport.borrow_mut().poll_write_all(cx, &mut nothing, pace)).await;
        let (io, input) = self.transport.into_inner().into_parts();
        websocket::run(&self.worker, edge, *tunnel, io, input, sent.is_ok()).await;
    }
}

/// What follows an exchange.
enum Outcome {
    Next,
    End { linger: bool },
    Switch(Box<Tunnel>),
}
