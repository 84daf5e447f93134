//! The sending half of one stream, shared by its body (is the client still there?) and its sink.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, Response, StatusCode};

use super::streams::Streams;
use crate::message::ClientGone;

/// How far the response is.
enum State {
    /// Nothing but informational heads has been sent.
    Awaiting(SendResponse<Bytes>),
    /// The head has been sent.
    Streaming(SendStream<Bytes>),
    /// Complete, or given up.
    Over,
}

/// One stream's sending half.
pub(super) struct Line {
    id: u32,
    state: RefCell<State>,
    streams: Rc<Streams>,
}

impl Line {
    pub(super) fn new(respond: SendResponse<Bytes>, streams: Rc<Streams>) -> Rc<Self> {
        let id = respond.stream_id().as_u32();
        streams.begin(id);
        Rc::new(Self { id, state: RefCell::new(State::Awaiting(respond)), streams })
    }

    /// Sends `100 Continue`, when nothing has been answered yet.
    pub(super) fn send_continue(&self) {
        if let State::Awaiting(respond) = &mut *self.state.borrow_mut() {
            let mut head = Response::new(());
            *head.status_mut() = StatusCode::CONTINUE;
            // A client that is gone is found by the read that follows.
            let _ = respond.send_informational(head);
        }
    }

    /// Sends the final head; `last` when neither body nor trailers follow.
    pub(super) fn head(&self, head: Response<()>, last: bool) -> Result<(), ClientGone> {
        let mut state = self.state.borrow_mut();
        let State::Awaiting(respond) = &mut *state else { return Err(ClientGone) };
        let stream = respond.send_response(head, last);
        *state = State::Over;
        let stream = stream.map_err(|_| ClientGone)?;
        if last {
            self.streams.leave(self.id, stream);
        } else {
            *state = State::Streaming(stream);
        }
        Ok(())
    }

    /// Asks for room for `bytes`; answers what there is at once, which may be 0.
    pub(super) fn reserve(&self, bytes: usize) -> Result<usize, ClientGone> {
        let mut state = self.state.borrow_mut();
        let State::Streaming(stream) = &mut *state else { return Err(ClientGone) };
        stream.reserve_capacity(bytes);
        Ok(stream.capacity())
    }

    /// Waits for room after `reserve`.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<Result<usize, ClientGone>> {
        let mut state = self.state.borrow_mut();
        let State::Streaming(stream) = &mut *state else { return Poll::Ready(Err(ClientGone)) };
        stream.poll_capacity(context).map(|room| match room {
            Some(Ok(room)) => Ok(room),
            Some(Err(_)) | None => Err(ClientGone),
        })
    }

    /// Sends as much as there is room for; `last` ends the stream.
    pub(super) fn data(&self, data: Bytes, last: bool) -> Result<(), ClientGone> {
        self.send(last, |stream| stream.send_data(data, last))
    }

    /// Ends the stream with trailers.
    pub(super) fn trailers(&self, trailers: HeaderMap) -> Result<(), ClientGone> {
        self.send(true, |stream| stream.send_trailers(trailers))
    }

    fn send(
        &self,
        last: bool,
        send: impl FnOnce(&mut SendStream<Bytes>) -> Result<(), h2::Error>,
    ) -> Result<(), ClientGone> {
        let mut state = self.state.borrow_mut();
        let State::Streaming(stream) = &mut *state else { return Err(ClientGone) };
        send(stream).map_err(|_| ClientGone)?;
        if last && let State::Streaming(stream) = std::mem::replace(&mut *state, State::Over) {
            self.streams.leave(self.id, stream);
        }
        Ok(())
    }

    /// Resets the stream, unless the response is complete.
    pub(super) fn reset(&self, reason: Reason) {
        match std::mem::replace(&mut *self.state.borrow_mut(), State::Over) {
            State::Awaiting(mut respond) => respond.send_reset(reason),
            State::Streaming(mut stream) => stream.send_reset(reason),
            State::Over => {}
        }
    }

    /// Ready when the client has reset the stream, or is gone. Never once the response is complete.
    pub(super) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        match &mut *self.state.borrow_mut() {
            State::Awaiting(respond) => respond.poll_reset(context).map(|_| ()),
            State::Streaming(stream) => stream.poll_reset(context).map(|_| ()),
            State::Over => Poll::Pending,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.streams.end(self.id);
    }
}
