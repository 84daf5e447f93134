//! The upstream side: pools, targets, health, HTTP/1.1 and HTTP/2, plain and TLS.
//!
//! Takes only a `Cleared` request and writes the bytes from its canonical form.

use bytes::Bytes;
use stockade_engine::{Cleared, Engine};
use stockade_model::{Headers, Reason, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::message::BodyLength;

/// Which targets are usable; shared by all workers, kept over reloads for targets that stay.
#[derive(Debug, Default)]
pub struct Health {}

/// One worker's connections to every upstream of every API.
#[derive(Debug, Default)]
pub struct Upstreams {}

/// Why no answer came.
#[derive(Debug)]
pub struct UpstreamFailure {
    /// Why; its status (502 or 504) is what the caller gets.
    pub reason: &'static Reason,
    /// What was expected and what came, with the target.
    pub detail: String,
    /// The target, when one was chosen.
    pub target: Option<String>,
}

/// A response whose head has come.
#[derive(Debug)]
pub struct Reply {
    /// Status and end-to-end fields.
    pub head: ResponseHead,
    /// How long its body is.
    pub length: BodyLength,
    /// The target that answered, `host:port`.
    pub target: String,
}

impl Reply {
    /// The next piece of the body, or `None` at the end; then the connection has gone back to the pool, if it may.
    ///
    /// # Errors
    /// The upstream broke off, stalled or sent a body that is not what its head promised.
    pub async fn next(&mut self) -> Result<Option<Bytes>, UpstreamFailure> {
        Ok(None)
    }

    /// Trailer fields, once `next` answered `None`.
    pub fn trailers(&mut self) -> Option<Headers> {
        None
    }
}

/// The rest of a request body on its way to the upstream, independent of the reply.
#[derive(Debug)]
pub struct RequestStream {}

impl RequestStream {
    /// Sends a piece, waiting for room.
    ///
    /// # Errors
    /// The upstream closed or stalled.
    pub async fn data(&mut self, data: Bytes) -> Result<(), UpstreamFailure> {
        let _ = data;
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The upstream closed.
    pub async fn finish(&mut self, trailers: Option<Headers>) -> Result<(), UpstreamFailure> {
        let _ = trailers;
        Ok(())
    }
}

/// The reply to a streamed request, still to come. Dropping it, or the stream unfinished, cancels the exchange.
#[derive(Debug)]
pub struct PendingReply {}

impl PendingReply {
    /// Waits for the head.
    ///
    /// # Errors
    /// No proper head came in time.
    pub async fn reply(self) -> Result<Reply, UpstreamFailure> {
        Err(unreachable_upstream())
    }
}

/// A connection that switched protocols.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// What came of an upgrade request.
pub enum Upgraded {
    /// 101, the connection, and the bytes already read after the head.
    Switched(ResponseHead, Box<dyn Duplex>, Bytes),
    /// An ordinary response.
    Refused(Reply),
}

impl Upstreams {
    /// Follows a reload: pools of targets that are gone are closed when idle, others kept.
    pub fn update(&self, engine: &Engine) {
        let _ = engine;
    }

    /// Sends a whole request and waits for the head of its reply. Retries where that is safe.
    ///
    /// # Errors
    /// No target usable, no connection, no proper head in time.
    pub async fn send(&self, cleared: &Cleared) -> Result<Reply, UpstreamFailure> {
        let _ = cleared;
        Err(unreachable_upstream())
    }

    /// Sends the head and the judged part of the body; the rest goes through the stream. Never retried.
    ///
    /// `length` is that of the whole body.
    ///
    /// # Errors
    /// No target usable, no connection.
    pub async fn open(
        &self,
        cleared: &Cleared,
        length: BodyLength,
    ) -> Result<(RequestStream, PendingReply), UpstreamFailure> {
        let _ = (cleared, length);
        Err(unreachable_upstream())
    }

    /// Asks for a protocol switch (RFC 9110 7.8) over HTTP/1.1.
    ///
    /// # Errors
    /// No target usable, no connection, no proper head in time.
    pub async fn upgrade(&self, cleared: &Cleared) -> Result<Upgraded, UpstreamFailure> {
        let _ = cleared;
        Err(unreachable_upstream())
    }
}

/// No target could be reached.
pub const UNREACHABLE: Reason = Reason {
    code: "upstream.unreachable",
    status: 502,
    meaning: "no target of the upstream could be reached",
    remedy: "check that the upstream runs and that `upstream.targets` names it",
    source: "RFC 9110 15.6.3",
};

fn unreachable_upstream() -> UpstreamFailure {
    UpstreamFailure { reason: &UNREACHABLE, detail: String::new(), target: None }
}
