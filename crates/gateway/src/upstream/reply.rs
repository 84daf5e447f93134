//! What the rest of the gateway holds of an exchange with the upstream.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use stockade_model::request::media_type;
use stockade_model::{Headers, ResponseHead};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::failure::Failure;
use super::health::{GroupHealth, Running};
use super::io::Io;
use super::target::Target;
use super::{UpstreamFailure, http1, http2};
use crate::message::BodyLength;

/// The target of an exchange, and where its outcome is noted.
type Facts = (Rc<Target>, Arc<GroupHealth>);

/// A response whose head has come. Dropping it before its end calls the exchange off at once.
#[derive(Debug)]
pub struct Reply {
    /// Status and end-to-end fields.
    pub head: ResponseHead,
    /// How long its body is. `None` only where there never is one: HEAD, 204, 304.
    pub length: BodyLength,
    /// The target that answered, `host:port`.
    pub target: Rc<str>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Http1(http1::Body),
    Http2(http2::Body),
}

impl Reply {
    /// The next piece of the body, or `None` at the end; then the connection has gone back to the pool, if it may.
    ///
    /// # Errors
    /// The upstream broke off, stalled or sent a body that is not what its head promised.
    pub async fn next(&mut self) -> Result<Option<Bytes>, UpstreamFailure> {
        let piece = match &mut self.body {
            Body::Http1(body) => body.next().await,
            Body::Http2(body) => body.next().await,
        };
        piece.map_err(|failure| failure.at(&self.target))
    }

    /// Trailer fields, once `next` answered `None`.
    pub fn trailers(&mut self) -> Option<Headers> {
        match &mut self.body {
            Body::Http1(body) => body.trailers(),
            Body::Http2(body) => body.trailers(),
        }
    }

    /// Takes the connection of a reply with status 101.
    pub(super) fn switch(self) -> (ResponseHead, Option<(Io, Bytes, Running)>) {
        match self.body {
            Body::Http1(body) => (self.head, body.switch()),
            Body::Http2(_) => (self.head, None),
        }
    }
}

/// The reply to a request, still to come. Dropping it, or the stream unfinished, cancels the exchange.
#[derive(Debug)]
pub struct PendingReply {
    pending: Pending,
    facts: Facts,
}

#[derive(Debug)]
enum Pending {
    Http1(http1::Pending),
    Http2(http2::Pending),
}

impl PendingReply {
    pub(super) fn http1(pending: http1::Pending, facts: Facts) -> Self {
        Self { pending: Pending::Http1(pending), facts }
    }

    pub(super) fn http2(pending: http2::Pending, facts: Facts) -> Self {
        Self { pending: Pending::Http2(pending), facts }
    }

    /// Waits for the head.
    ///
    /// # Errors
    /// No proper head came in time.
    pub async fn reply(self) -> Result<Reply, UpstreamFailure> {
        let (target, health) = (Rc::clone(&self.facts.0), Arc::clone(&self.facts.1));
        self.head().await.map_err(|failure| {
            health.failed(&target.health);
            failure.at(&target.name)
        })
    }

    /// Waits for the head, and notes the target's success or failure as far as its status tells.
    pub(super) async fn head(self) -> Result<Reply, Failure> {
        let (target, health) = self.facts;
        let (head, length, mut body) = match self.pending {
            Pending::Http1(pending) => {
                let (head, length, body) = pending.head().await?;
                (head, length, Body::Http1(body))
            }
            Pending::Http2(pending) => {
                let (head, length, body) = pending.head().await?;
                (head, length, Body::Http2(body))
            }
        };
        if matches!(head.status, 502..=504) {
            health.failed(&target.health);
        } else {
            target.health.succeeded();
        }
        if length == BodyLength::Unknown && media_type(&head.headers).as_deref() == Some("text/event-stream") {
            match &mut body {
                Body::Http1(body) => body.unlimited(),
                Body::Http2(body) => body.unlimited(),
            }
        }
        Ok(Reply { head, length, target: Rc::clone(&target.name), body })
    }
}

/// The rest of a request body on its way to the upstream, independent of the reply.
///
/// Once a call failed the upstream reads no more; its answer may come all the same. Dropping it unfinished cancels
/// the exchange when no head has come yet, and otherwise only stops the sending.
#[derive(Debug)]
pub struct RequestStream {
    sender: Sender,
    target: Rc<Target>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::Sender),
    Http2(http2::Sender),
}

impl RequestStream {
    pub(super) fn http1(sender: http1::Sender, target: &Rc<Target>) -> Self {
        Self { sender: Sender::Http1(sender), target: Rc::clone(target) }
    }

    pub(super) fn http2(sender: http2::Sender, target: &Rc<Target>) -> Self {
        Self { sender: Sender::Http2(sender), target: Rc::clone(target) }
    }

    /// Sends a piece, waiting for room. Not cancel-safe: a piece given up half-way cannot be taken back.
    ///
    /// # Errors
    /// The upstream closed or stalled.
    pub async fn data(&mut self, data: Bytes) -> Result<(), UpstreamFailure> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.data(data).await,
            Sender::Http2(sender) => sender.data(data).await,
        };
        sent.map_err(|failure| failure.at(&self.target.name))
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The upstream closed, or the body is shorter than announced.
    pub async fn finish(&mut self, trailers: Option<Headers>) -> Result<(), UpstreamFailure> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.finish(trailers).await,
            Sender::Http2(sender) => sender.finish(trailers),
        };
        sent.map_err(|failure| failure.at(&self.target.name))
    }
}

/// A connection that switched protocols.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// What came of an upgrade request.
pub enum Upgraded {
    /// 101 without its `Connection` and `Upgrade`, the connection, and the bytes already read after the head.
    Switched(ResponseHead, Box<dyn Duplex>, Bytes),
    /// An ordinary response.
    Refused(Reply),
}

/// A switched connection; its exchange counts as running until it is dropped.
pub(super) struct Switched {
    io: Io,
    _running: Running,
}

impl Switched {
    pub(super) const fn new(io: Io, running: Running) -> Self {
        Self { io, _running: running }
    }
}

impl AsyncRead for Switched {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl AsyncWrite for Switched {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, from)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
