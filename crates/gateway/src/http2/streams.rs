//! The streams of one connection, as its tasks, its guard and its driver see them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use bytes::Bytes;
use h2::{Reason, SendStream};
use tokio::time::Instant;

use super::frames::{Frame, kind};

/// Streams handed to a task, finished responses that have not left, and what h2 refused by itself.
#[derive(Debug)]
pub(super) struct Streams {
    running: RefCell<Vec<u32>>,
    leaving: RefCell<Vec<Leaving>>,
    /// Streams that were given up lately: frames of theirs may still be on their way out.
    given_up: RefCell<VecDeque<u32>>,
    faults: RefCell<Vec<(u32, Fault)>>,
    /// Set when there is something for the driver to do in `leaving`.
    left: Cell<bool>,
    last_active: Cell<Instant>,
}

/// A finished response, part of which h2 still holds.
#[derive(Debug)]
struct Leaving {
    id: u32,
    stream: SendStream<Bytes>,
    since: Instant,
    left: bool,
}

/// A stream that h2 refused without handing it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The head broke a rule of HTTP/2 (RFC 9113 8.1.1).
    Malformed,
    /// The header list was larger than announced; answered 431.
    TooLarge,
}

/// Faults that are kept between two looks of the driver; h2 ends the connection long before there are more.
const MOST_FAULTS: usize = 128;
/// Streams given up that are remembered.
const MOST_GIVEN_UP: usize = 64;

impl Streams {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            running: RefCell::default(),
            leaving: RefCell::default(),
            given_up: RefCell::default(),
            faults: RefCell::default(),
            left: Cell::new(false),
            last_active: Cell::new(now),
        }
    }

    /// A stream was handed to a task.
    ///
    /// h2 may have reset it already, before it was looked at. Then its task finds out and tells.
    pub(super) fn begin(&self, id: u32) {
        self.faults.borrow_mut().retain(|(stream, _)| *stream != id);
        self.running.borrow_mut().push(id);
    }

    /// Its task has ended.
    pub(super) fn end(&self, id: u32) {
        let mut running = self.running.borrow_mut();
        if let Some(place) = running.iter().position(|other| *other == id) {
            running.swap_remove(place);
        }
        if !self.leaving.borrow().iter().any(|leaving| leaving.id == id) {
            let mut given_up = self.given_up.borrow_mut();
            if given_up.len() == MOST_GIVEN_UP {
                given_up.pop_front();
            }
            given_up.push_back(id);
        }
        self.last_active.set(Instant::now());
    }

    /// The response of `stream` is complete, and must leave before long.
    pub(super) fn leave(&self, id: u32, stream: SendStream<Bytes>) {
        self.leaving.borrow_mut().push(Leaving { id, stream, since: Instant::now(), left: false });
    }

    /// How many streams have a task.
    pub(super) fn running(&self) -> usize {
        self.running.borrow().len()
    }

    /// When the last stream ended, or the connection began.
    pub(super) fn last_active(&self) -> Instant {
        self.last_active.get()
    }

    /// Since when the oldest finished response has been waiting to leave.
    pub(super) fn leaving_since(&self) -> Option<Instant> {
        self.leaving.borrow().iter().map(|leaving| leaving.since).min()
    }

    /// Forgets the responses that have left, and resets those that have waited since `limit` or longer.
    pub(super) fn sweep(&self, limit: Option<Instant>) {
        let left = self.left.replace(false);
        if !left && limit.is_none() {
            return;
        }
        self.leaving.borrow_mut().retain_mut(|leaving| {
            let late = limit.is_some_and(|limit| leaving.since <= limit);
            if late && !leaving.left {
                leaving.stream.send_reset(Reason::CANCEL);
            }
            !(late || leaving.left)
        });
    }

    /// The faults since the last call. To be asked for when h2 has no further stream to hand over.
    pub(super) fn take_faults(&self) -> Vec<Fault> {
        self.faults.borrow_mut().drain(..).map(|(_, fault)| fault).collect()
    }

    /// A frame of ours has left. Called while h2 holds its locks: nothing of h2 may be called or dropped here.
    pub(super) fn sent(&self, frame: &Frame) {
        if frame.stream == 0 {
            return;
        }
        if frame.ends_stream()
            && let Some(leaving) = self.leaving.borrow_mut().iter_mut().find(|leaving| leaving.id == frame.stream)
        {
            leaving.left = true;
            self.left.set(true);
            return;
        }
        let fault = match frame.kind {
            kind::RST_STREAM if frame.code == u32::from(Reason::PROTOCOL_ERROR) => Fault::Malformed,
            kind::HEADERS => Fault::TooLarge,
            _ => return,
        };
        if !self.is_known(frame.stream) && self.faults.borrow().len() < MOST_FAULTS {
            self.faults.borrow_mut().push((frame.stream, fault));
        }
    }

    fn is_known(&self, id: u32) -> bool {
        self.running.borrow().contains(&id)
            || self.leaving.borrow().iter().any(|leaving| leaving.id == id)
            || self.given_up.borrow().contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, code: Reason) -> Frame {
        Frame { kind, flags: 0, length: 4, stream, code: code.into() }
    }

    #[test]
    fn what_h2_refused_by_itself_is_told_and_what_a_task_answers_is_not() {
        let streams = Streams::new(Instant::now());
        streams.begin(1);
        streams.begin(3);
        streams.end(3);
        for known in [1, 3] {
            streams.sent(&frame(kind::HEADERS, known, Reason::NO_ERROR));
            streams.sent(&frame(kind::RST_STREAM, known, Reason::PROTOCOL_ERROR));
        }
        assert_eq!(streams.take_faults(), []);
        streams.sent(&frame(kind::HEADERS, 5, Reason::NO_ERROR));
        streams.sent(&frame(kind::RST_STREAM, 7, Reason::PROTOCOL_ERROR));
        streams.sent(&frame(kind::RST_STREAM, 9, Reason::REFUSED_STREAM));
        assert_eq!(streams.take_faults(), [Fault::TooLarge, Fault::Malformed]);
        assert_eq!(streams.take_faults(), []);
        streams.sent(&frame(kind::RST_STREAM, 11, Reason::PROTOCOL_ERROR));
        streams.begin(11);
        assert_eq!(streams.take_faults(), [], "its task tells");
    }

    #[test]
    fn faults_and_streams_given_up_are_bounded() {
        let streams = Streams::new(Instant::now());
        for stream in 0..1000 {
            streams.begin(stream);
            streams.end(stream);
            streams.sent(&frame(kind::RST_STREAM, 2000 + stream, Reason::PROTOCOL_ERROR));
        }
        assert_eq!(streams.take_faults().len(), MOST_FAULTS);
        assert_eq!(streams.given_up.borrow().len(), MOST_GIVEN_UP);
        assert_eq!(streams.running(), 0);
    }
}
