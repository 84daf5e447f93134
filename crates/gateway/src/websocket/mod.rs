//! A WebSocket after its upgrade: frames checked, bytes passed on in both directions.

pub(crate) mod guard;
mod pump;
pub(crate) mod reasons;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use stockade_engine::Cleared;
use stockade_model::{Refusal, ResponseHead, Stage, VerdictKind};
use tokio::io::{AsyncRead, AsyncWrite};

use self::pump::{Ending, Pump};
use crate::emit::{self, Ended, Trace};
use crate::exchange::reasons::CLIENT_GONE;
use crate::message::ResponseSink;
use crate::normalise::Edge;
use crate::refuse;
use crate::shared::WorkerRef;
use crate::upstream::{Duplex, UpstreamFailure, reason};

/// What a server adds to the key (RFC 6455 1.3).
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A switched connection on the upstream's side, and the exchange it belongs to.
pub(crate) struct Tunnel {
    cleared: Cleared,
    head: ResponseHead,
    upstream: Box<dyn Duplex>,
    early: Bytes,
    trace: Trace,
}

/// Whether a 101 is the answer to the handshake that was sent: the key's answer, and no extension.
///
/// # Errors
/// An answer of something that does not speak the protocol, so that the tunnel would carry anything.
pub(crate) fn check_switch(cleared: &Cleared, head: &ResponseHead) -> Result<(), UpstreamFailure> {
    let bad = |detail: &str| UpstreamFailure { reason: &reason::BAD_SWITCH, detail: detail.to_owned(), target: None };
    if head.headers.contains("sec-websocket-extensions") {
        return Err(bad("an extension that was not offered"));
    }
    let key = cleared.request().headers.get("sec-websocket-key").unwrap_or_default();
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key);
    hash.update(MAGIC);
    let expected = STANDARD.encode(hash.finish());
    if head.headers.get("sec-websocket-accept") != Some(expected.as_bytes()) {
        return Err(bad("`Sec-WebSocket-Accept` is missing or is not that of the key"));
    }
    Ok(())
}

impl Tunnel {
    pub(crate) fn new(
        cleared: Cleared,
        head: ResponseHead,
        upstream: Box<dyn Duplex>,
        early: Bytes,
        trace: Trace,
    ) -> Self {
        Self { cleared, head, upstream, early, trace }
    }

    /// The 101, without the fields of the switch itself.
    pub(crate) fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Refuses a client that sent more before it was answered.
    pub(crate) async fn refuse_early<S: ResponseSink>(self, worker: &WorkerRef, edge: &Edge, sink: &mut S) {
        let Self { cleared, mut trace, .. } = self;
        let refusal = Refusal::new(Stage::Gateway, &reasons::EARLY, "", "bytes after the handshake");
        let (head, body) = refuse::response(&refusal, trace.id);
        trace.answered(head.status, None, None);
        trace.sent(body.len());
        if sink.whole(&head, body).await.is_ok() {
            trace.completed();
        }
        let (request, mut record) = cleared.into_parts();
        record.refusals.push(refusal);
        let ended = Ended { request: Some(request), record, verdict: VerdictKind::Refused };
        emit::exchange(worker, edge, ended, trace);
    }
}

/// Passes bytes between both sides until one ends, then writes the event. `told` is whether the client got its 101.
pub(crate) async fn run<IO: AsyncRead + AsyncWrite + Unpin>(
    worker: &WorkerRef,
    edge: &Edge,
    tunnel: Tunnel,
    io: IO,
    input: BytesMut,
    told: bool,
) {
    let Tunnel { cleared, upstream, early, mut trace, .. } = tunnel;
    let ending = if told {
        let mut pump = Pump::new(io, upstream, edge.plan(), input, &early);
        let ending = pump.run(worker, edge.plan()).await;
        trace.request_bytes = pump.uploaded();
        trace.sent(usize::try_from(pump.downloaded()).unwrap_or(usize::MAX));
        ending
    } else {
        Ending::ClientGone
    };
    let (request, mut record) = cleared.into_parts();
    let refusal = match ending {
        Ending::Closed => None,
        Ending::ClientGone => {
            Some(Refusal::new(Stage::Gateway, &CLIENT_GONE, "", "the tunnel was not closed in order"))
        }
        Ending::Silent => Some(Refusal::new(Stage::Gateway, &reasons::SILENT, "gateway.timeouts.idle", "no traffic")),
        Ending::Violation { side, why } => {
            let detail = format!("{side}: {why}");
            Some(Refusal::new(Stage::Gateway, &reasons::FRAME, "gateway.limits.websocket_message", detail))
        }
    };
    let verdict = match &refusal {
        None if record.refusals.is_empty() => VerdictKind::Allowed,
        None => VerdictKind::WouldRefuse,
        Some(refusal) if refusal.reason == &reasons::FRAME => VerdictKind::Refused,
        Some(_) => VerdictKind::Failed,
    };
    if refusal.is_none() {
        trace.completed();
    }
    record.refusals.extend(refusal);
    emit::exchange(worker, edge, Ended { request: Some(request), record, verdict }, trace);
}
