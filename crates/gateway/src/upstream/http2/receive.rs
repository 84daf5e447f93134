//! The answer on a stream: its head, its body, its trailers.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use stockade_model::{Headers, ResponseHead};

use super::head::{content_length, headers};
use super::sender::Sending;
use super::{Stream, of_stream};
use crate::message::BodyLength;
use crate::upstream::deadline::{Limits, Timer};
use crate::upstream::failure::Failure;
use crate::upstream::fields;
use crate::upstream::reason::{BAD_HEAD, TIMEOUT};

/// An exchange whose head has not come yet.
#[derive(Debug)]
pub(in crate::upstream) struct Pending {
    pub(super) response: ResponseFuture,
    pub(super) limits: Limits,
    pub(super) timer: Timer,
    pub(super) head_request: bool,
    pub(super) stream: Stream,
    pub(super) calling_off: CallingOff,
}

/// Calls a stream off when it is dropped before its end.
///
/// A stream whose request is complete is reset by the h2 crate when its receiving half is dropped.
#[derive(Debug)]
pub(super) struct CallingOff(pub(super) Option<Rc<Sending>>);

impl Drop for CallingOff {
    fn drop(&mut self) {
        if let Some(sending) = &self.0 {
            sending.cancel();
        }
    }
}

/// The body of a response.
#[derive(Debug)]
pub(in crate::upstream) struct Body {
    receive: Option<RecvStream>,
    limits: Limits,
    timer: Timer,
    trailers: Option<Headers>,
    stream: Option<Stream>,
    calling_off: CallingOff,
}

impl Pending {
    /// Waits for the final head.
    ///
    /// # Errors
    /// No proper head came in time.
    pub(in crate::upstream) async fn head(self) -> Result<(ResponseHead, BodyLength, Body), Failure> {
        let Self { mut response, mut limits, mut timer, head_request, stream, calling_off } = self;
        let response = poll_fn(|context| {
            if let Poll::Ready(response) = Pin::new(&mut response).poll(context) {
                return Poll::Ready(response.map_err(|error| of_stream(&error, false)));
            }
            if calling_off.0.as_ref().is_some_and(|sending| !sending.finished.get() && !sending.stalled.get()) {
                // It is the client that is awaited, not the upstream; a stalled sender has its own limit.
                limits.moved();
            }
            ready!(limits.poll(&mut timer, context));
            // The connection may be dead: whoever comes next takes another.
            stream.state.retired.set(true);
            Poll::Ready(Err(Failure::new(&TIMEOUT, "no head in time")))
        })
        .await?;
        if let Some(sending) = &calling_off.0 {
            sending.headed.set(true);
        }
        let (parts, receive) = response.into_parts();
        let status = parts.status.as_u16();
        if status == 101 {
            return Err(Failure::new(&BAD_HEAD, "status 101 does not exist in HTTP/2"));
        }
        let content_length = content_length(&parts.headers)?;
        let head = ResponseHead { status, headers: headers(&parts.headers)?, content_length };
        limits.moved();
        let bodyless = head_request || matches!(status, 204 | 304);
        let length = match content_length {
            _ if bodyless => BodyLength::None,
            Some(length) => BodyLength::Known(length),
            None if receive.is_end_stream() => BodyLength::Known(0),
            None => BodyLength::Unknown,
        };
        let receive = Some(receive);
        let mut body = Body { receive, limits, timer, trailers: None, stream: Some(stream), calling_off };
        if body.receive.as_ref().is_some_and(RecvStream::is_end_stream) {
            body.end();
        }
        Ok((head, length, body))
    }
}

impl Body {
    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// The stream was reset, stalled, or is not as long as its head promised.
    pub(in crate::upstream) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let piece = poll_fn(|context| self.poll_next(context)).await;
        if !matches!(piece, Ok(Some(_))) {
            self.end();
        }
        piece
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let Some(receive) = &mut self.receive else { return Poll::Ready(Ok(None)) };
        loop {
            match receive.poll_data(context) {
                Poll::Ready(Some(Ok(data))) => {
                    self.limits.moved();
                    // Room is given back as pieces are taken, so an upstream runs no further ahead than its window.
                    let _ = receive.flow_control().release_capacity(data.len());
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(of_stream(&error, true))),
                Poll::Ready(None) => match receive.poll_trailers(context) {
                    Poll::Ready(Ok(None)) => return Poll::Ready(Ok(None)),
                    Poll::Ready(Ok(Some(trailers))) => {
                        self.trailers = fields::trailing(headers(&trailers)?);
                        return Poll::Ready(Ok(None));
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(of_stream(&error, true))),
                    Poll::Pending => break,
                },
                Poll::Pending => break,
            }
        }
        ready!(self.limits.poll(&mut self.timer, context));
        Poll::Ready(Err(Failure::new(&TIMEOUT, "the body was not complete in time")))
    }

    /// Trailer fields that may be passed on.
    pub(in crate::upstream) const fn trailers(&mut self) -> Option<Headers> {
        self.trailers.take()
    }

    /// Lets the body be silent for as long as it likes.
    pub(in crate::upstream) const fn unlimited(&mut self) {
        self.limits = Limits::none();
    }

    fn end(&mut self) {
        self.receive = None;
        self.stream = None;
        // With the answer complete there is nobody left to read the rest of the request.
        if let Some(sending) = self.calling_off.0.take().filter(|sending| !sending.finished.get()) {
            sending.cancel();
        }
    }
}
