//! HTTP/2 towards targets (RFC 9113) on the h2 crate: many exchanges on one connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri};
use stockade_model::{Headers, Request, ResponseHead};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::deadline::{Limits, Timer};
use super::failure::{Failure, Retry};
use super::fields;
use super::health::Running;
use super::http1::{Outgoing, Route};
use super::io::Io;
use super::reason::{BAD_FRAMING, BAD_HEAD, RESET, TIMEOUT, TRUNCATED, UNWRITABLE};
use crate::message::BodyLength;

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

/// Fields of one head.
const HEAD_FIELDS: usize = 128;

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

/// What the head of a request is made from.
#[derive(Debug)]
pub(super) struct RequestHead<'a> {
    /// The canonical request.
    pub(super) request: &'a Request,
    /// What the settings add.
    pub(super) route: Route<'a>,
    /// Whether the connection speaks TLS.
    pub(super) tls: bool,
    /// Whether trailers must be announced as welcome, which gRPC servers insist on.
    pub(super) grpc: bool,
}

impl RequestHead<'_> {
    fn build(&self, length: Option<u64>) -> Option<http::Request<()>> {
        let request = self.request;
        let target = request.target();
        let path = PathAndQuery::try_from(target.as_str()).ok().filter(|path| path.as_str() == target)?;
        let mut head = http::Request::new(());
        *head.method_mut() = Method::from_bytes(request.method.as_bytes()).ok()?;
        *head.uri_mut() = uri(self.tls, self.route.host, path)?;
        let headers = head.headers_mut();
        headers.reserve(request.headers.len() + self.route.set_headers.len() + 6);
        let mut add = |name: &str, value: &[u8]| {
            headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
            Some(())
        };
        for (name, value) in request.headers.iter() {
            if fields::passes(name) && !self.route.set_headers.iter().any(|(set, _)| set == name) {
                add(name, value)?;
            }
        }
        let mut text = Vec::with_capacity(64);
        fields::forwarded_for(request, &mut text);
        add("x-forwarded-for", &text)?;
        add("x-forwarded-proto", request.scheme.as_str().as_bytes())?;
        add("x-forwarded-host", request.authority.as_bytes())?;
        text.clear();
        fields::forwarded(request, &mut text);
        add("forwarded", &text)?;
        for (name, value) in self.route.set_headers {
            add(name, value.as_bytes())?;
        }
        if self.grpc {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        if let Some(length) = length {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Some(head)
    }
}

fn uri(tls: bool, host: &str, path: PathAndQuery) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(if tls { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(Authority::try_from(host).ok()?);
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).ok()
}

/// The sending half of a stream whose request is not complete; shared by those who send and those who wait.
#[derive(Debug)]
struct Sending {
    stream: RefCell<SendStream<Bytes>>,
    finished: Cell<bool>,
    headed: Cell<bool>,
    sent: Cell<u64>,
}

impl Sending {
    fn cancel(&self) {
        self.stream.borrow_mut().send_reset(h2::Reason::CANCEL);
    }
}

/// An exchange whose head has not come yet.
#[derive(Debug)]
pub(super) struct Pending {
    response: ResponseFuture,
    limits: Limits,
    timer: Timer,
    head_request: bool,
    stream: Stream,
    calling_off: CallingOff,
}

/// Calls a stream off when it is dropped before its end.
///
/// A stream whose request is complete is reset by the h2 crate when its receiving half is dropped.
#[derive(Debug)]
struct CallingOff(Option<Rc<Sending>>);

impl Drop for CallingOff {
    fn drop(&mut self) {
        if let Some(sending) = &self.0 {
            sending.cancel();
        }
    }
}

/// The rest of a request body.
#[derive(Debug)]
pub(super) struct Sender {
    sending: Rc<Sending>,
    left: Option<u64>,
    limits: Limits,
    timer: Timer,
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Body {
    receive: Option<RecvStream>,
    limits: Limits,
    timer: Timer,
    trailers: Option<Headers>,
    stream: Option<Stream>,
    calling_off: CallingOff,
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
            sent: Cell::new(0),
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

impl Pending {
    /// Waits for the final head.
    ///
    /// # Errors
    /// No proper head came in time.
    pub(super) async fn head(self) -> Result<(ResponseHead, BodyLength, Body), Failure> {
        let Self { mut response, mut limits, mut timer, head_request, stream, calling_off } = self;
        let response = poll_fn(|context| {
            if let Poll::Ready(response) = std::pin::Pin::new(&mut response).poll(context) {
                return Poll::Ready(response.map_err(|error| of_stream(&error, false)));
            }
            if calling_off.0.as_ref().is_some_and(|sending| !sending.finished.get()) {
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

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let mut all = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = all.next() else { return Ok(None) };
    let digits = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length = digits.and_then(|text| text.parse().ok()).filter(|_| all.next().is_none());
    length.map(Some).ok_or_else(|| Failure::new(&BAD_FRAMING, "`content-length` is not one number"))
}

fn headers(from: &HeaderMap) -> Result<Headers, Failure> {
    if from.len() > HEAD_FIELDS {
        return Err(Failure::new(&BAD_HEAD, format!("the head has more than {HEAD_FIELDS} fields")));
    }
    let mut headers = Headers::with_capacity(from.len() + 4, from.len() * 32);
    for (name, value) in from {
        if !fields::is_hop_by_hop(name.as_str().as_bytes()) {
            headers.push(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    Ok(headers)
}

impl Body {
    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// The stream was reset, stalled, or is not as long as its head promised.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
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
    pub(super) const fn trailers(&mut self) -> Option<Headers> {
        self.trailers.take()
    }

    /// Lets the body be silent for as long as it likes.
    pub(super) const fn unlimited(&mut self) {
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

impl Sender {
    /// Sends a piece and waits until there was room for it. Not cancel-safe.
    ///
    /// # Errors
    /// The upstream reads no more; an answer may have come all the same.
    pub(super) async fn data(&mut self, mut data: Bytes) -> Result<(), Failure> {
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
                        Poll::Ready(Err(Failure::new(&TIMEOUT, "the upstream does not read the request")))
                    }
                }
            })
            .await?;
            let piece = data.split_to(room.min(data.len()));
            self.limits.moved();
            self.sending.sent.set(self.sending.sent.get().saturating_add(piece.len() as u64));
            self.sending.stream.borrow_mut().send_data(piece, false).map_err(|error| of_stream(&error, false))?;
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The upstream reads no more, or the body is shorter than announced.
    pub(super) fn finish(&mut self, trailers: Option<Headers>) -> Result<(), Failure> {
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

/// Asks for `path` on a connection of its own and answers the status.
///
/// # Errors
/// No proper head came.
pub(super) async fn check(io: Io, path: &str, host: &str, tls: bool) -> Result<u16, Failure> {
    let failed = |error: h2::Error| of_stream(&error, false);
    let bad = || Failure::new(&UNWRITABLE, "the path of the health check is not possible in HTTP/2");
    let (mut send, connection) = builder().handshake::<_, Bytes>(io).await.map_err(failed)?;
    let mut request = http::Request::new(());
    *request.uri_mut() = PathAndQuery::try_from(path).ok().and_then(|path| uri(tls, host, path)).ok_or_else(bad)?;
    let (response, _) = send.send_request(request, true).map_err(failed)?;
    tokio::select! {
        response = response => response.map(|response| response.status().as_u16()).map_err(failed),
        ended = connection => Err(ended.map_or_else(failed, |()| Failure::new(&RESET, "connection closed"))),
    }
}
