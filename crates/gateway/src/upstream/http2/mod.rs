//! HTTP/2 towards targets (RFC 9113) on the h2 crate: many exchanges on one connection.

mod head;
mod receive;
mod sender;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, ready};

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::uri::PathAndQuery;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use self::receive::CallingOff;
use self::sender::Sending;
use super::deadline::{Limits, Timer};
use super::failure::{Failure, Retry};
use super::health::Running;
use super::http1::Outgoing;
use super::io::Io;
use super::reason::{BAD_FRAMING, BAD_HEAD, RESET, TIMEOUT, TRUNCATED, UNWRITABLE};
use crate::message::BodyLength;

pub(super) use self::head::RequestHead;
pub(super) use self::receive::{Body, Pending};
pub(super) use self::sender::Sender;

/// Streams at once on one connection, when the upstream allows that many.
const STREAMS: usize = 128;

/// Connections to one target; beyond them exchanges wait for a free stream.
const CONNECTIONS: usize = 16;

/// Bytes of one stream in flight towards us.
const STREAM_WINDOW: u32 = 256 * 1024;

/// Bytes of one connection in flight towards us.
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// All fields of one head.
const HEAD_BYTES: u32 = 64 * 1024;

/// One worker's HTTP/2 connections to one target.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: RefCell<Vec<Handle>>,
    opening: Mutex<()>,
}

/// A connection that streams can be opened on.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    send: SendRequest<Bytes>,
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    /// No further stream may be opened.
    retired: Cell<bool>,
    streams: Cell<usize>,
    idle_since: Cell<Instant>,
}

/// One open stream; counts until it is dropped.
#[derive(Debug)]
struct Stream {
    state: Rc<State>,
    _running: Running,
}

impl Drop for Stream {
    fn drop(&mut self) {
        let streams = self.state.streams.get().saturating_sub(1);
        self.state.streams.set(streams);
        if streams == 0 {
            self.state.idle_since.set(Instant::now());
        }
    }
}

impl Connections {
    /// A connection with a free stream. The first that has one, so that surplus ones fall idle and are closed.
    pub(super) fn pick(&self) -> Option<Handle> {
        let mut all = self.all.borrow_mut();
        all.retain(|handle| !handle.state.retired.get());
        let free = all.iter().find(|handle| handle.state.streams.get() < handle.most());
        match free {
            None if all.len() >= CONNECTIONS => all.iter().min_by_key(|handle| handle.state.streams.get()).cloned(),
            free => free.cloned(),
        }
    }

    /// The right to open a connection.
    pub(super) async fn opening(&self) -> MutexGuard<'_, ()> {
        self.opening.lock().await
    }

    /// Speaks the preface on `io` and keeps the connection.
    pub(super) async fn add(&self, io: Io) -> Result<Handle, Failure> {
        let (send, connection) = builder()
            .handshake::<_, Bytes>(io)
            .await
            .map_err(|error| Failure::new(&RESET, error.to_string()).retry(Retry::Always))?;
        let state =
            Rc::new(State { retired: Cell::new(false), streams: Cell::new(0), idle_since: Cell::new(Instant::now()) });
        let handle = Handle { send, state: Rc::clone(&state) };
        tokio::task::spawn_local(async move {
            // How it ended is told to every stream on it.
            let _ = connection.await;
            state.retired.set(true);
        });
        self.all.borrow_mut().push(handle.clone());
        Ok(handle)
    }

    /// Closes connections that are idle for too long, by dropping the last handle. Whether any is left.
    pub(super) fn sweep(&self, young: impl Fn(Instant) -> bool) -> bool {
        let mut all = self.all.borrow_mut();
        all.retain(|handle| {
            let state = &handle.state;
            !state.retired.get() && (state.streams.get() > 0 || young(state.idle_since.get()))
        });
        !all.is_empty()
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEAD_BYTES);
    builder
}

impl Handle {
    /// Streams that may be open at once.
    fn most(&self) -> usize {
        self.send.current_max_send_streams().min(STREAMS)
    }

    /// Opens a stream and sends what there is of a request.
    ///
    /// # Errors
    /// The connection takes no further stream, or the request cannot be written safely.
    pub(super) async fn start(
        mut self,
        head: &RequestHead<'_>,
        outgoing: Outgoing,
        limits: Limits,
        running: Running,
    ) -> Result<(Pending, Option<Sender>), Failure> {
        let have = outgoing.body.len() as u64;
        let length = match (outgoing.complete, outgoing.length) {
            (true, _) => (have > 0).then_some(have),
            (false, BodyLength::Known(length)) => Some(length),
            (false, _) => None,
        };
        let unwritable = || Failure::new(&UNWRITABLE, "a part of the request is not possible in HTTP/2");
        let request = head.build(length).ok_or_else(unwritable)?;
        // Counted before the wait, so that others see it coming.
        self.state.streams.set(self.state.streams.get() + 1);
        let stream = Stream { state: Rc::clone(&self.state), _running: running };
        let mut waiting = (limits, Timer::default());
        poll_fn(|context| match self.send.poll_ready(context) {
            Poll::Ready(ready) => Poll::Ready(ready.map_err(|error| self.broken(&error))),
            Poll::Pending => {
                ready!(waiting.0.poll(&mut waiting.1, context));
                Poll::Ready(Err(Failure::new(&TIMEOUT, "no free stream in time").retry(Retry::Always)))
            }
        })
        .await?;
        let end = outgoing.complete && outgoing.body.is_empty();
        let (response, send) = self.send.send_request(request, end).map_err(|error| self.broken(&error))?;
        let mut pending = Pending {
            response,
            limits,
            timer: waiting.1,
            head_request: head.request.method == "HEAD",
            stream,
            calling_off: CallingOff(None),
        };
        if end {
            return Ok((pending, None));
        }
        let mut send = send;
        if outgoing.complete {
            // Kept by the h2 crate until the upstream has room; no copy is made.
            send.send_data(outgoing.body, true).map_err(|error| of_stream(&error, false))?;
            return Ok((pending, None));
        }
        let left = match length {
            None => None,
            Some(length) => Some(length.checked_sub(have).ok_or_else(unwritable)?),
        };
        if !outgoing.body.is_empty() {
            send.send_data(outgoing.body, false).map_err(|error| of_stream(&error, false))?;
        }
        let sending = Rc::new(Sending {
            stream: RefCell::new(send),
            finished: Cell::new(false),
            headed: Cell::new(false),
            stalled: Cell::new(false),
        });
        pending.calling_off.0 = Some(Rc::clone(&sending));
        Ok((pending, Some(Sender { sending, left, limits, timer: Timer::default() })))
    }

    /// The connection can take no stream; nothing of this request was sent.
    fn broken(&self, error: &h2::Error) -> Failure {
        self.state.retired.set(true);
        Failure { stale: true, ..Failure::new(&RESET, error.to_string()).retry(Retry::Always) }
    }
}

/// What an error of a stream means. `headed` tells whether the answer had begun.
fn of_stream(error: &h2::Error, headed: bool) -> Failure {
    let detail = error.to_string();
    if headed {
        let reason = if error.is_library() { &BAD_FRAMING } else { &TRUNCATED };
        return Failure::new(reason, detail);
    }
    if error.is_library() {
        return Failure::new(&BAD_HEAD, detail);
    }
    // RFC 9113 6.8 and 8.7: streams that are refused, or come after the last one of an orderly GOAWAY, were not
    // processed.
    let refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let left_out = error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    let retry = if refused || left_out { Retry::Always } else { Retry::Idempotent };
    Failure { stale: left_out, ..Failure::new(&RESET, detail).retry(retry) }
}

/// Asks for `path` on a connection of its own and answers the status.
///
/// # Errors
/// No proper head came.
pub(super) async fn check(io: Io, path: &str, host: &str, tls: bool) -> Result<u16, Failure> {
    let failed = |error: h2::Error| of_stream(&error, false);
    let bad = || Failure::new(&UNWRITABLE, "the path of the health check is not possible in HTTP/2");
    let (mut send, connection) = builder().handshake::<_, Bytes>(io).await.map_err(failed)?;
    let mut request = http::Request::new(());
    *request.uri_mut() =
        PathAndQuery::try_from(path).ok().and_then(|path| head::uri(tls, host, path)).ok_or_else(bad)?;
    let (response, _) = send.send_request(request, true).map_err(failed)?;
    tokio::select! {
        response = response => response.map(|response| response.status().as_u16()).map_err(failed),
        ended = connection => Err(ended.map_or_else(failed, |()| Failure::new(&RESET, "connection closed"))),
    }
}
