//! From the upstream's reply to the client: judged, its head first, pieces as they come.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use stockade_engine::{Cleared, Watch};
use stockade_model::{Refusal, ResponseHead};

use super::{Gather, ask};
use crate::emit::Trace;
use crate::message::{BodyFailure, BodyLength, ClientGone, ResponseSink};
use crate::normalise::Edge;
use crate::refuse::ID_FIELD;
use crate::shared::Worker;
use crate::upstream::{Reply, UpstreamFailure};

/// Why a cleared request got no whole answer.
pub(super) enum Trouble {
    /// The client is gone.
    Gone,
    /// The upstream failed.
    Upstream(UpstreamFailure),
    /// The rest of the client's body is not what its head promised.
    Body(BodyFailure),
    /// The response stage refused, a whole answer or a piece of one that was already begun.
    Refused(Box<Refusal>),
    /// The engine panicked.
    Panic,
}

impl From<ClientGone> for Trouble {
    fn from(_: ClientGone) -> Self {
        Self::Gone
    }
}

/// Sends a reply to the client.
///
/// # Errors
/// What went wrong; whether a head was sent by then is in the trace.
pub(super) async fn relay<S: ResponseSink>(
    worker: &Worker,
    edge: &Edge,
    cleared: &mut Cleared,
    reply: &mut Reply,
    sink: &mut S,
    trace: &mut Trace,
) -> Result<(), Trouble> {
    let mut head = std::mem::take(&mut reply.head);
    let most = edge.engine.response_buffer(cleared, &head);
    let mut held = Gather::default();
    let mut whole = false;
    // A body that is known to be empty goes out with its head: gRPC tells trailers-only answers by that.
    let reads = most > 0 || reply.length == BodyLength::Known(0);
    while reads && !whole && held.len() <= most {
        match reply.next().await.map_err(Trouble::Upstream)? {
            Some(piece) => held.add(piece),
            None => whole = true,
        }
    }
    if reads {
        trace.waited(&worker.shared.clock);
    }
    let mut held = held.bytes();
    let seen = (whole && held.len() as u64 <= most).then_some(&held[..]);
    let state = &worker.shared.state;
    match ask(worker, trace, |now| edge.engine.judge_response(state, cleared, &mut head, seen, now)) {
        Some(Ok(None)) => {}
        // Only a body that is here whole is ever replaced.
        Some(Ok(Some(other))) => held = other,
        Some(Err(refusal)) => return Err(Trouble::Refused(refusal)),
        None => return Err(Trouble::Panic),
    }
    worker.rule_log.write(edge.plan(), std::mem::take(&mut cleared.record_mut().rule_log));
    let mut watch = if whole { None } else { edge.engine.watch(cleared, &head) };
    show(worker, edge, cleared, &mut watch, &held, trace)?;
    decorate(&mut head, cleared, trace);
    trace.answered(head.status, head.headers.get_str("content-type"), Some(Rc::clone(&reply.target)));
    trace.bodies.answers(&worker.samples, (cleared.record(), cleared.request()), &head, trace.now);
    if whole && reply.length != BodyLength::None {
        let trailers = reply.trailers();
        if trailers.is_none() {
            trace.sent(held.len());
            trace.bodies.sent(&held);
            return Ok(sink.whole(&head, held).await?);
        }
        sink.head(&head, BodyLength::Unknown).await?;
        send(sink, trace, held).await?;
        return Ok(sink.finish(trailers).await?);
    }
    sink.head(&head, reply.length).await?;
    if !held.is_empty() {
        send(sink, trace, held).await?;
    }
    while !whole {
        match next(reply, sink).await? {
            Some(piece) => {
                show(worker, edge, cleared, &mut watch, &piece, trace)?;
                send(sink, trace, piece).await?;
            }
            None => whole = true,
        }
    }
    Ok(sink.finish(reply.trailers()).await?)
}

/// Shows a piece of a body that streams to the engine, as long as it wants to see more.
fn show(
    worker: &Worker,
    edge: &Edge,
    cleared: &mut Cleared,
    watch: &mut Option<Watch>,
    piece: &[u8],
    trace: &mut Trace,
) -> Result<(), Trouble> {
    let Some(open) = watch else { return Ok(()) };
    match ask(worker, trace, |now| edge.engine.judge_piece(cleared, open, piece, now)) {
        Some(Ok(())) => {}
        Some(Err(refusal)) => return Err(Trouble::Refused(refusal)),
        None => return Err(Trouble::Panic),
    }
    if open.is_over() {
        *watch = None;
    }
    Ok(())
}

async fn send<S: ResponseSink>(sink: &mut S, trace: &mut Trace, piece: Bytes) -> Result<(), Trouble> {
    trace.sent(piece.len());
    trace.bodies.sent(&piece);
    Ok(sink.data(piece).await?)
}

/// The next piece; when it is not at hand, what was held back goes out first, so that streams flow.
async fn next<S: ResponseSink>(reply: &mut Reply, sink: &mut S) -> Result<Option<Bytes>, Trouble> {
    let mut next = pin!(reply.next());
    let piece = match poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await {
        Poll::Ready(piece) => piece,
        Poll::Pending => {
            sink.flush().await?;
            next.await
        }
    };
    piece.map_err(Trouble::Upstream)
}

/// Adds what the gateway tells every caller: the id, and the rates.
pub(super) fn decorate(head: &mut ResponseHead, cleared: &Cleared, trace: &Trace) {
    if head.headers.contains(ID_FIELD) {
        head.headers.remove(ID_FIELD);
    }
    head.headers.push(ID_FIELD.as_bytes(), &trace.id.text());
    for (name, value) in &cleared.record().response_headers {
        head.headers.push(name.as_bytes(), value.as_bytes());
    }
}
