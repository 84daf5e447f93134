//! The rest of a request body on its stream.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, ready};

use bytes::Bytes;
use h2::SendStream;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use stockade_model::Headers;

use super::of_stream;
use crate::upstream::deadline::{Limits, Timer};
use crate::upstream::failure::Failure;
use crate::upstream::fields;
use crate::upstream::reason::{BAD_FRAMING, RESET, TIMEOUT};

/// The sending half of a stream whose request is not complete; shared by those who send and those who wait.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) stream: RefCell<SendStream<Bytes>>,
    pub(super) finished: Cell<bool>,
    pub(super) headed: Cell<bool>,
    /// The upstream took no more of it: from then on the answer is due.
    pub(super) stalled: Cell<bool>,
}

impl Sending {
    pub(super) fn cancel(&self) {
        self.stream.borrow_mut().send_reset(h2::Reason::CANCEL);
    }
}

/// The rest of a request body.
#[derive(Debug)]
pub(in crate::upstream) struct Sender {
    pub(super) sending: Rc<Sending>,
    pub(super) left: Option<u64>,
    pub(super) limits: Limits,
    pub(super) timer: Timer,
}

impl Sender {
    /// Sends a piece and waits until there was room for it. Not cancel-safe.
    ///
    /// # Errors
    /// The upstream reads no more; an answer may have come all the same.
    pub(in crate::upstream) async fn data(&mut self, mut data: Bytes) -> Result<(), Failure> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or_else(|| {
                self.sending.cancel();
                Failure::new(&BAD_FRAMING, "the request body is longer than announced")
            })?;
        }
        self.limits.moved();
        while !data.is_empty() {
            let Self { sending, limits, timer, .. } = self;
            let room = poll_fn(|context| {
                let mut stream = sending.stream.borrow_mut();
                stream.reserve_capacity(data.len());
                let room = stream.capacity();
                if room > 0 {
                    return Poll::Ready(Ok(room));
                }
                match stream.poll_capacity(context) {
                    Poll::Ready(Some(Ok(room))) => Poll::Ready(Ok(room)),
                    Poll::Ready(Some(Err(error))) => Poll::Ready(Err(of_stream(&error, false))),
                    Poll::Ready(None) => {
                        Poll::Ready(Err(Failure::new(&RESET, "the upstream reads no more of the request")))
                    }
                    Poll::Pending => {
                        ready!(limits.poll(timer, context));
                        sending.stalled.set(true);
                        Poll::Ready(Err(Failure::new(&TIMEOUT, "the upstream does not read the request")))
                    }
                }
            })
            .await?;
            let piece = data.split_to(room.min(data.len()));
            self.limits.moved();
            self.sending.stream.borrow_mut().send_data(piece, false).map_err(|error| of_stream(&error, false))?;
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The upstream reads no more, or the body is shorter than announced.
    pub(in crate::upstream) fn finish(&mut self, trailers: Option<Headers>) -> Result<(), Failure> {
        if let Some(left) = self.left.filter(|left| *left > 0) {
            self.sending.cancel();
            return Err(Failure::new(&BAD_FRAMING, format!("{left} bytes of the request body are missing")));
        }
        let mut map = HeaderMap::new();
        for (name, value) in trailers.and_then(fields::trailing).iter().flat_map(Headers::iter) {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
                map.append(name, value);
            }
        }
        let mut stream = self.sending.stream.borrow_mut();
        let ended = if map.is_empty() { stream.send_data(Bytes::new(), true) } else { stream.send_trailers(map) };
        ended.map_err(|error| of_stream(&error, false))?;
        self.sending.finished.set(true);
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if !self.sending.finished.get() && !self.sending.headed.get() {
            self.sending.cancel();
        }
    }
}
