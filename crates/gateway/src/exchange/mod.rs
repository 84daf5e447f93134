//! One exchange, whatever protocol it came in: engine, upstream, response, event.
//!
//! head → `judge_head` → body → `judge_body` → upstream → `judge_response` → client → event. Whatever goes wrong on the
//! way is answered here, once, and the event is written last, so that it costs the caller no time.

mod answers;
mod panics;
mod pause;
mod race;
pub(crate) mod reasons;
mod relay;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use stockade_engine::{Admitted, Body, BodyPolicy, Cleared, take_out_handed_on};
use stockade_model::plan::LargeBody;
use stockade_model::{Framing, Now, Request, ResponseHead, VerdictKind};

use self::panics::{ask, contain};
use self::race::{First, first};
use self::relay::{Trouble, decorate, relay};
use crate::emit::{self, Ended, Trace};
use crate::look_ups;
use crate::message::{BodyFailure, BodyLength, RequestBody, ResponseSink};
use crate::normalise::Edge;
use crate::shared::WorkerRef;
use crate::upstream::{Duplex, Reply, RequestStream, Upgraded};
use crate::websocket::{self, Tunnel};

/// A body so short, and of known length, is read whole before the upstream is asked, also when nobody judges it: the
/// upstream is not made to wait for it, and the request can be tried elsewhere.
const SMALL_BODY: u64 = 16 * 1024;

/// What the connection does after an exchange.
pub(crate) enum After {
    /// The response was sent whole; the next exchange may follow.
    Done,
    /// The response was sent whole, but nothing may follow: what is left of the request is not known.
    Last,
    /// The response could not be sent whole: the client must be able to tell.
    Broken,
    /// The protocol is switched: answer 101 and tunnel. Never on HTTP/2.
    Switch(Box<Tunnel>),
}

/// Runs one exchange from its normalised head to its event. `started` is when its first byte came.
pub(crate) async fn run<B: RequestBody, S: ResponseSink>(
    worker: &WorkerRef,
    request: Box<Request>,
    body: &mut B,
    sink: &mut S,
    started: Now,
) -> After {
    let edge = worker.edge();
    let mut trace = Trace::new(request.id, &request.client, started);
    trace.waited(&worker.shared.clock);
    let mut exchange = Exchange { worker, edge, body, sink, trace };
    let performed = {
        let performing = pin!(exchange.perform(request));
        contain(worker, performing).await
    };
    // The rare ends are boxed, here and below: room for them would be part of every exchange.
    let forwarded = match performed {
        Some(forwarded) => forwarded,
        None => Box::pin(exchange.crashed()).await,
    };
    let Exchange { edge, trace, .. } = exchange;
    match forwarded {
        Forwarded::Ended(ended, after) => {
            emit::exchange(worker, &edge, ended, trace);
            after
        }
        Forwarded::Switched(parts) => {
            let Switched { cleared, head, upstream, early } = *parts;
            After::Switch(Box::new(Tunnel::new(cleared, head, upstream, early, trace)))
        }
    }
}

/// What all steps of one exchange use.
struct Exchange<'a, B, S> {
    worker: &'a WorkerRef,
    edge: Rc<Edge>,
    body: &'a mut B,
    sink: &'a mut S,
    trace: Trace,
}

enum Judged {
    Cleared(Cleared),
    Ended(Ended, After),
}

enum Forwarded {
    Ended(Ended, After),
    Switched(Box<Switched>),
}

struct Switched {
    cleared: Cleared,
    head: ResponseHead,
    upstream: Box<dyn Duplex>,
    early: Bytes,
}

/// The head of a 101, the connection behind it, and what was read of that already.
type Tunnelled = (ResponseHead, Box<dyn Duplex>, Bytes);

impl<B: RequestBody, S: ResponseSink> Exchange<'_, B, S> {
    /// All of it but the event.
    async fn perform(&mut self, request: Box<Request>) -> Forwarded {
        match self.judge(request).await {
            Judged::Cleared(cleared) => self.forward(cleared).await,
            Judged::Ended(ended, after) => Forwarded::Ended(ended, after),
        }
    }

    /// Head, body, and the engine's word on both.
    async fn judge(&mut self, request: Box<Request>) -> Judged {
        let Self { worker, edge, trace, .. } = self;
        if edge.plan().answer_acme_challenges
            && let Some(proof) = worker.shared.challenges.answer(&request)
        {
            return Box::pin(self.proven(request, proof)).await;
        }
        let engine = &edge.engine;
        let state = &worker.shared.state;
        let mut admitted = match ask(worker, trace, |now| engine.judge_head(state, request, false, now)) {
            Some(Ok(admitted)) => admitted,
            Some(Err(refused)) => return Box::pin(self.refused(refused)).await,
            None => return Box::pin(self.lost()).await,
        };
        if admitted.look_up().is_some() {
            admitted = match Box::pin(self.looked_up(admitted)).await {
                Ok(admitted) => admitted,
                Err(judged) => return judged,
            };
        }
        if !admitted.asks().is_empty() {
            admitted = match Box::pin(self.counted(admitted)).await {
                Ok(admitted) => admitted,
                Err(judged) => return judged,
            };
        }
        let wait_ms = admitted.take_wait_ms();
        if wait_ms > 0
            && let Err(cut) = Box::pin(self.pause(wait_ms)).await
        {
            let (request, record) = admitted.into_parts();
            return Box::pin(self.cut(cut, request, record)).await;
        }
        let body = match self.read(&admitted).await {
            Ok(body) => body,
            Err(failure) => {
                let (request, record) = admitted.into_parts();
                return Box::pin(self.unreadable(request, record, failure)).await;
            }
        };
        let Self { worker, edge, trace, .. } = self;
        let (engine, state) = (&edge.engine, &worker.shared.state);
        if !body.bytes.is_empty() {
            trace.waited(&worker.shared.clock);
            trace.bodies.received(&body);
        }
        let mut cleared = match ask(worker, trace, |now| engine.judge_body(state, admitted, body, now)) {
            Some(Ok(cleared)) => cleared,
            Some(Err(refused)) => return Box::pin(self.refused(refused)).await,
            None => return Box::pin(self.lost()).await,
        };
        let wait_ms = cleared.take_wait_ms();
        if wait_ms > 0
            && let Err(cut) = Box::pin(self.pause(wait_ms)).await
        {
            let (request, record) = cleared.into_parts();
            return Box::pin(self.cut(cut, request, record)).await;
        }
        Judged::Cleared(cleared)
    }

    /// Has the engine told what it asked for, and judge by that.
    async fn looked_up(&mut self, admitted: Admitted) -> Result<Admitted, Judged> {
        let Self { worker, edge, trace, .. } = self;
        let told = match admitted.look_up() {
            Some(look_up) => look_ups::ask(&worker.shared, look_up).await,
            None => None,
        };
        trace.waited(&worker.shared.clock);
        let (engine, state) = (&edge.engine, &worker.shared.state);
        match ask(worker, trace, |now| engine.judge_answer(state, admitted, told, now)) {
            Some(Ok(admitted)) => Ok(admitted),
            Some(Err(refused)) => Err(self.refused(refused).await),
            None => Err(self.lost().await),
        }
    }

    /// Has the shared store decide what only it can, and the engine judge by that.
    async fn counted(&mut self, admitted: Admitted) -> Result<Admitted, Judged> {
        let Self { worker, edge, trace, .. } = self;
        let told = match &edge.plan().shared_limits {
            Some(plan) => worker.exact.ask(&worker.shared, admitted.asks(), plan).await,
            None => None,
        };
        trace.waited(&worker.shared.clock);
        let (engine, state) = (&edge.engine, &worker.shared.state);
        match ask(worker, trace, |now| engine.judge_counts(state, admitted, told.as_deref(), now)) {
            Some(Ok(admitted)) => Ok(admitted),
            Some(Err(refused)) => Err(self.refused(refused).await),
            None => Err(self.lost().await),
        }
    }

    /// Reads as much of the body as is judged, or all of it when it is short.
    async fn read(&mut self, admitted: &Admitted) -> Result<Body, BodyFailure> {
        let length = match admitted.request().framing {
            Framing::None | Framing::Length(0) => return Ok(Body { bytes: Bytes::new(), complete: true }),
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        let policy = admitted.body_policy();
        if policy.stream {
            self.body.stream();
            return Ok(Body::default());
        }
        let most = judged_bytes(length, policy);
        let mut whole = Gather::default();
        while whole.len() < most || length.is_some_and(|length| length <= most) {
            let Some(piece) = self.body.next().await? else {
                return Ok(Body { bytes: whole.bytes(), complete: true });
            };
            self.trace.request_bytes = self.trace.request_bytes.saturating_add(piece.len() as u64);
            whole.add(piece);
        }
        Ok(Body { bytes: whole.bytes(), complete: false })
    }

    /// Sends a cleared request on and its reply back.
    async fn forward(&mut self, mut cleared: Cleared) -> Forwarded {
        let asked = self.trace.now;
        let outcome = if cleared.request().upgrade.is_some() {
            match Box::pin(self.upgrade(&mut cleared, asked)).await {
                Ok(Some((head, upstream, early))) => {
                    return Forwarded::Switched(Box::new(Switched { cleared, head, upstream, early }));
                }
                Ok(None) => Ok(()),
                Err(trouble) => Err(trouble),
            }
        } else if cleared.body().complete {
            self.send(&mut cleared, asked).await
        } else {
            Box::pin(self.stream(&mut cleared, asked)).await
        };
        let (request, record) = cleared.into_parts();
        let (ended, after) = match outcome {
            Ok(()) => {
                self.trace.completed();
                let verdict = if record.refusals.is_empty() { VerdictKind::Allowed } else { VerdictKind::WouldRefuse };
                (Ended { request: Some(request), record, verdict }, After::Done)
            }
            Err(trouble) => Box::pin(self.troubled(request, record, trouble)).await,
        };
        Forwarded::Ended(ended, after)
    }

    /// Sends a whole request and relays the reply.
    async fn send(&mut self, cleared: &mut Cleared, asked: Now) -> Result<(), Trouble> {
        let sent = {
            let sending = pin!(self.worker.upstreams.send(cleared));
            first(sending, pin!(self.body.gone())).await
        };
        match sent {
            First::Left(Ok(mut reply)) => {
                self.waited(asked);
                self.relay(cleared, &mut reply).await
            }
            First::Left(Err(failure)) => Err(Trouble::Upstream(failure)),
            First::Right(()) => Err(Trouble::Gone),
        }
    }

    /// Asks for a protocol switch; relays the reply, and answers `None`, when the upstream declines.
    async fn upgrade(&mut self, cleared: &mut Cleared, asked: Now) -> Result<Option<Tunnelled>, Trouble> {
        let asked_for = {
            let upgrading = pin!(self.worker.upstreams.upgrade(cleared));
            first(upgrading, pin!(self.body.gone())).await
        };
        match asked_for {
            First::Left(Ok(Upgraded::Switched(head, upstream, early))) => {
                self.waited(asked);
                let head = self.switch(cleared, head)?;
                Ok(Some((head, upstream, early)))
            }
            First::Left(Ok(Upgraded::Refused(mut reply))) => {
                self.waited(asked);
                self.relay(cleared, &mut reply).await.map(|()| None)
            }
            First::Left(Err(failure)) => Err(Trouble::Upstream(failure)),
            First::Right(()) => Err(Trouble::Gone),
        }
    }

    /// Relays a reply while watching the client.
    async fn relay(&mut self, cleared: &mut Cleared, reply: &mut Reply) -> Result<(), Trouble> {
        let Self { worker, edge, body, sink, trace } = self;
        let relayed = pin!(relay(worker, edge, cleared, reply, *sink, trace));
        match first(relayed, pin!(body.gone())).await {
            First::Left(outcome) => outcome,
            First::Right(()) => Err(Trouble::Gone),
        }
    }

    /// Sends the rest of the body while the reply already comes back.
    async fn stream(&mut self, cleared: &mut Cleared, asked: Now) -> Result<(), Trouble> {
        let length = match cleared.request().framing {
            Framing::None => BodyLength::None,
            Framing::Length(length) => BodyLength::Known(length),
            Framing::Chunked => BodyLength::Unknown,
        };
        let Self { worker, edge, body, sink, trace } = self;
        let opened = {
            let opening = pin!(worker.upstreams.open(cleared, length));
            match first(opening, pin!(body.gone())).await {
                First::Left(opened) => opened,
                First::Right(()) => return Err(Trouble::Gone),
            }
        };
        let (mut stream, pending) = opened.map_err(Trouble::Upstream)?;
        let handed_on = cleared.handed_on();
        let uploaded = Cell::new(0_u64);
        let down = async {
            let mut reply = pending.reply().await.map_err(Trouble::Upstream)?;
            trace.waited(&worker.shared.clock);
            trace.timing.upstream_us = trace.now.monotonic_us.saturating_sub(asked.monotonic_us);
            relay(worker, edge, cleared, &mut reply, *sink, trace).await
        };
        let outcome = match first(pin!(down), pin!(upload(&mut stream, *body, handed_on.as_deref(), &uploaded))).await {
            First::Left(outcome) => outcome,
            First::Right(trouble) => Err(trouble),
        };
        self.trace.request_bytes = self.trace.request_bytes.saturating_add(uploaded.get());
        outcome
    }

    /// Judges a 101 as any other response.
    fn switch(&mut self, cleared: &mut Cleared, mut head: ResponseHead) -> Result<ResponseHead, Trouble> {
        websocket::check_switch(cleared, &head).map_err(Trouble::Upstream)?;
        let Self { worker, edge, trace, .. } = self;
        let state = &worker.shared.state;
        match ask(worker, trace, |now| edge.engine.judge_response(state, cleared, &mut head, None, now)) {
            Some(Ok(_)) => {}
            Some(Err(refusal)) => return Err(Trouble::Refused(refusal)),
            None => return Err(Trouble::Panic),
        }
        decorate(&mut head, cleared, trace);
        trace.answered(101, None, None);
        Ok(head)
    }

    fn waited(&mut self, asked: Now) {
        self.trace.waited(&self.worker.shared.clock);
        self.trace.timing.upstream_us = self.trace.now.monotonic_us.saturating_sub(asked.monotonic_us);
    }
}

/// Sends the rest of a body on, then watches the client. Ends only when the client is at fault or gone: a broken
/// upstream shows in its reply, which may be an early answer worth having.
///
/// `stream` is borrowed, because dropping an unfinished one would cancel the reply.
async fn upload<B: RequestBody>(
    stream: &mut RequestStream,
    body: &mut B,
    handed_on: Option<&[String]>,
    sent: &Cell<u64>,
) -> Trouble {
    loop {
        match body.next().await {
            Ok(Some(piece)) => {
                sent.set(sent.get().saturating_add(piece.len() as u64));
                if stream.data(piece).await.is_err() {
                    break;
                }
            }
            Ok(None) => {
                let mut trailers = body.trailers();
                if let (Some(trailers), Some(names)) = (&mut trailers, handed_on) {
                    take_out_handed_on(trailers, names);
                }
                // The reply tells what became of it.
                let _ = stream.finish(trailers).await;
                break;
            }
            Err(failure) if failure.gone => return Trouble::Gone,
            Err(failure) => return Trouble::Body(failure),
        }
    }
    body.gone().await;
    Trouble::Gone
}

/// Pieces of a body put together; one piece alone is not copied.
#[derive(Debug, Default)]
pub(super) struct Gather {
    first: Bytes,
    rest: BytesMut,
}

impl Gather {
    pub(super) fn len(&self) -> u64 {
        (self.first.len() + self.rest.len()) as u64
    }

    pub(super) fn add(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = piece;
            return;
        }
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&self.first);
            self.first = Bytes::new();
        }
        self.rest.extend_from_slice(&piece);
    }

    pub(super) fn bytes(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.freeze() }
    }
}

/// How many bytes of a body are read and judged before anything is forwarded.
pub(crate) fn judged_bytes(length: Option<u64>, policy: BodyPolicy) -> u64 {
    match length {
        Some(length) if length <= SMALL_BODY => policy.buffer_bytes.max(SMALL_BODY),
        // What is to be refused for its length need not be read, nor asked for.
        Some(length) if length > policy.buffer_bytes && policy.beyond == LargeBody::Refuse => 0,
        _ => policy.buffer_bytes,
    }
}

#[cfg(test)]
mod tests;
