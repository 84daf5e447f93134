//! One request on an HTTP/2 connection: from its head to the end of its response.

use std::rc::Rc;
use std::sync::Arc;

use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{Method, Request};
use stockade_model::event::RequestRecord;
use stockade_model::{Client, Framing, HttpVersion, Refusal, RequestId, Scheme};

use super::body::{Body, Limits};
use super::line::Line;
use super::sink::Sink;
use crate::emit::partial::Partial;
use crate::emit::{self, Malformed};
use crate::exchange::{self, After};
use crate::http1::framing::decimal;
use crate::http1::reasons;
use crate::message::ResponseSink;
use crate::normalise::{Arrival, Edge, RawHead, normalise, refusal, shown};
use crate::refuse;
use crate::shared::WorkerRef;

/// Serves one stream.
pub(super) async fn run(worker: WorkerRef, client: Arc<Client>, request: Request<RecvStream>, line: Rc<Line>) {
    let started = worker.shared.clock.now();
    let id = worker.request_id(started);
    let edge = worker.edge();
    let (head, stream) = request.into_parts();
    let mut sink = Sink::new(Rc::clone(&line), head.method == Method::HEAD, &edge.plan().timeouts);
    match arrive(&edge, &client, id, &head, stream.is_end_stream()) {
        Ok(Arrival { request, expects_continue, .. }) => {
            drop(head);
            let continues = expects_continue && request.framing != Framing::None;
            let mut body = Body::new(stream, Rc::clone(&line), Limits::new(edge.plan()), continues);
            match exchange::run(&worker, request, &mut body, &mut sink, started).await {
                After::Done | After::Last => {}
                After::Broken => line.reset(Reason::INTERNAL_ERROR),
                // HTTP/2 has no upgrades (RFC 9113 8.6), so nothing asked for this one.
                After::Switch(_) => line.reset(Reason::HTTP_1_1_REQUIRED),
            }
        }
        Err(refusal) => {
            let request = Some(told(&client, &head));
            let (head, body) = refuse::response(&refusal, id);
            let bytes = body.len() as u64;
            let complete = sink.whole(&head, body).await.is_ok();
            let client = &client;
            let malformed = Malformed { id, client, request, refusal: &refusal, bytes, complete, started };
            emit::malformed(&worker, &edge, malformed);
        }
    }
}

/// Brings the head into canonical form. h2 has checked its grammar; whatever two servers could read differently is
/// checked here.
fn arrive(
    edge: &Edge,
    client: &Arc<Client>,
    id: RequestId,
    head: &Parts,
    ended: bool,
) -> Result<Arrival, Box<Refusal>> {
    let framing = if ended { Framing::None } else { framing(edge, head)? };
    let bytes = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let raw = RawHead {
        method: head.method.as_str().as_bytes(),
        target: target(head),
        version: HttpVersion::Http2,
        scheme: scheme(client),
        authority: head.uri.authority().map(|authority| authority.as_str().as_bytes()),
        framing,
        size: (head.headers.len(), bytes),
    };
    let fields = head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    normalise(edge, client, id, &raw, fields)
}

fn target(head: &Parts) -> &[u8] {
    head.uri.path_and_query().map_or(&b""[..], |target| target.as_str().as_bytes())
}

fn scheme(client: &Client) -> Scheme {
    if client.tls.is_some() { Scheme::Https } else { Scheme::Http }
}

/// What the event says of a head that is refused.
fn told(client: &Client, head: &Parts) -> RequestRecord<'static> {
    let field = |name| head.headers.get(name).map(HeaderValue::as_bytes);
    let authority = head.uri.authority().map(|authority| authority.as_str().as_bytes());
    let partial = Partial {
        method: head.method.as_str().as_bytes(),
        target: target(head),
        authority: authority.or_else(|| field(HOST)).unwrap_or_default(),
        user_agent: field(USER_AGENT),
        content_type: field(CONTENT_TYPE),
    };
    partial.record(scheme(client), HttpVersion::Http2)
}

/// h2 holds DATA to `content-length` (RFC 9113 8.1.1), but lets equal repetitions and leading zeros pass. Only asked
/// when the stream goes on: a length of zero is not believed then before its end has come.
fn framing(edge: &Edge, head: &Parts) -> Result<Framing, Box<Refusal>> {
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    let Some(length) = lengths.next() else { return Ok(Framing::Chunked) };
    if lengths.next().is_some() {
        return Err(refusal(&reasons::CONTENT_LENGTH, "", "two `content-length` fields"));
    }
    let text = length.as_bytes();
    let length =
        decimal(text).ok_or_else(|| refusal(&reasons::CONTENT_LENGTH, "", format!("value `{}`", shown(text))))?;
    if length > edge.plan().limits.body_bytes {
        let detail = format!("a body of {length} bytes was announced");
        return Err(refusal(&reasons::BODY_TOO_LARGE, "gateway.limits.body", detail));
    }
    Ok(if length == 0 { Framing::Chunked } else { Framing::Length(length) })
}
