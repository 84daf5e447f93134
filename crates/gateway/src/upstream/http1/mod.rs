//! A strict HTTP/1.1 client (RFC 9112): one exchange on one connection, driven by the task that wants the answer.

mod connection;
mod head;
mod write;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, ready};

use bytes::Bytes;
use stockade_model::{Headers, Request, ResponseHead};

use self::connection::Piece;
use self::head::{Asked, Framing};
use super::deadline::{Limits, Timer};
use super::failure::Failure;
use super::fields;
use super::health::Running;
use super::io::Io;
use super::reason::{BAD_FRAMING, RESET, TIMEOUT, UNWRITABLE};
use super::target::Target;
use crate::message::BodyLength;

pub(super) use self::connection::Connection;
pub(super) use self::write::Route;

/// A connection as an exchange and the pool hold it.
pub(super) type Shared = Rc<RefCell<Connection>>;

/// The right to use a connection. Dropping it closes the connection, unless it was given back before.
#[derive(Debug)]
pub(super) struct Lease {
    connection: Shared,
    target: Rc<Target>,
    over: bool,
    running: Option<Running>,
}

impl Lease {
    /// Takes `connection` for one exchange.
    pub(super) fn new(connection: Shared, target: Rc<Target>, running: Running) -> Self {
        Self { connection, target, over: false, running: Some(running) }
    }

    /// The exchange is over: the connection goes back to the pool when it may.
    fn end(&mut self, keep_alive: bool) {
        self.over = true;
        self.running = None;
        let mut connection = self.connection.borrow_mut();
        if keep_alive && connection.rest() {
            drop(connection);
            self.target.put(Rc::clone(&self.connection));
        } else {
            connection.close();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.over {
            self.connection.borrow_mut().close();
        }
    }
}

/// What is sent behind the head.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// Length of the whole body.
    pub(super) length: BodyLength,
    /// What there is of it.
    pub(super) body: Bytes,
    /// Whether that is all.
    pub(super) complete: bool,
}

/// An exchange whose head has not come yet.
#[derive(Debug)]
pub(super) struct Pending {
    lease: Lease,
    limits: Limits,
    asked: Asked,
}

/// The rest of a request body.
#[derive(Debug)]
pub(super) struct Sender {
    connection: Shared,
    /// Bytes still due; `None` when chunked.
    left: Option<u64>,
    finished: bool,
    limits: Limits,
    timer: Timer,
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Body {
    lease: Lease,
    framing: Framing,
    limits: Limits,
    keep_alive: bool,
    trailers: Option<Headers>,
}

/// Queues a request on a connection; nothing is written before the answer is waited for or more is sent.
///
/// # Errors
/// A request that cannot be written safely; the connection is closed.
pub(super) fn start(
    lease: Lease,
    request: &Request,
    route: Route<'_>,
    outgoing: Outgoing,
    limits: Limits,
) -> Result<(Pending, Option<Sender>), Failure> {
    use stockade_model::Framing as Announced;
    let have = outgoing.body.len() as u64;
    let framing = match (outgoing.complete, outgoing.length) {
        (_, BodyLength::Known(length)) if have > length || (outgoing.complete && have != length) => {
            return Err(Failure::new(&UNWRITABLE, format!("the body has {have} bytes where {length} were announced")));
        }
        (true, BodyLength::None) if have == 0 => Announced::None,
        (true, _) => Announced::Length(have),
        (false, BodyLength::Known(length)) => Announced::Length(length),
        (false, _) => Announced::Chunked,
    };
    let asked = Asked { head: request.method == "HEAD", websocket: route.websocket };
    let mut connection = lease.connection.borrow_mut();
    connection.begin(|out| write::request_head(out, request, route, framing), outgoing.complete)?;
    let mut sender = None;
    if outgoing.complete {
        connection.queue(outgoing.body, b"");
    } else {
        let left = if let Announced::Length(length) = framing { Some(length) } else { None };
        let timer = Timer::default();
        let mut rest = Sender { connection: Rc::clone(&lease.connection), left, finished: false, limits, timer };
        rest.queue(&mut connection, outgoing.body)?;
        sender = Some(rest);
    }
    drop(connection);
    Ok((Pending { lease, limits, asked }, sender))
}

/// Asks for `path` on a connection of its own and answers the status.
///
/// # Errors
/// No proper head came.
pub(super) async fn check(io: Io, path: &str, host: &str) -> Result<u16, Failure> {
    let mut connection = Connection::new(io);
    connection.begin(
        |out| {
            write::check_head(out, path, host);
            Ok(())
        },
        true,
    )?;
    let mut limits = Limits::none();
    let parsed = poll_fn(|context| connection.poll_head(context, Asked::default(), &mut limits)).await?;
    Ok(parsed.head.status)
}

impl Pending {
    /// Writes what is queued, as far as it goes, and waits for the final head.
    ///
    /// # Errors
    /// No proper head came in time; the connection is closed.
    pub(super) async fn head(mut self) -> Result<(ResponseHead, BodyLength, Body), Failure> {
        let Self { lease, limits, asked } = &mut self;
        let parsed = poll_fn(|context| lease.connection.borrow_mut().poll_head(context, *asked, limits)).await?;
        let length = match parsed.framing {
            Framing::None => BodyLength::None,
            Framing::Length(length) => BodyLength::Known(length),
            Framing::Chunked(_) | Framing::Close => BodyLength::Unknown,
        };
        let Self { lease, limits, .. } = self;
        let mut body = Body { lease, framing: parsed.framing, limits, keep_alive: parsed.keep_alive, trailers: None };
        if parsed.head.status != 101 && matches!(body.framing, Framing::None | Framing::Length(0)) {
            body.end();
        }
        Ok((parsed.head, length, body))
    }
}

impl Body {
    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// The body broke off, stalled, or is not what its head promised; the connection is closed.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        if self.lease.over {
            return Ok(None);
        }
        let Self { lease, framing, limits, .. } = self;
        let piece = poll_fn(|context| lease.connection.borrow_mut().poll_body(context, framing, limits)).await;
        match piece {
            Ok(Piece::Data(data)) => {
                if matches!(self.framing, Framing::Length(0)) {
                    self.end();
                }
                Ok(Some(data))
            }
            Ok(Piece::End(trailers)) => {
                self.trailers = fields::trailing(trailers);
                self.end();
                Ok(None)
            }
            Err(failure) => {
                self.lease.end(false);
                Err(failure)
            }
        }
    }

    /// Trailer fields that may be passed on.
    pub(super) const fn trailers(&mut self) -> Option<Headers> {
        self.trailers.take()
    }

    /// Lets the body be silent for as long as it likes.
    pub(super) const fn unlimited(&mut self) {
        self.limits = Limits::none();
    }

    /// Takes the connection of a switch, with the bytes already read behind the head.
    pub(super) fn switch(mut self) -> Option<(Io, Bytes, Running)> {
        self.lease.over = true;
        let running = self.lease.running.take()?;
        let (io, rest) = self.lease.connection.borrow_mut().take()?;
        Some((io, rest, running))
    }

    fn end(&mut self) {
        self.lease.end(self.keep_alive);
    }
}

impl Sender {
    fn queue(&mut self, connection: &mut Connection, data: Bytes) -> Result<(), Failure> {
        if data.is_empty() {
            // An empty chunk would end the body.
            return Ok(());
        }
        match &mut self.left {
            Some(left) => {
                let length = data.len() as u64;
                *left = left.checked_sub(length).ok_or_else(|| {
                    connection.close();
                    Failure::new(&BAD_FRAMING, "the request body is longer than announced")
                })?;
                connection.queue(data, b"");
            }
            None => {
                connection.queue_prefix(format!("{:x}\r\n", data.len()).as_bytes());
                connection.queue(data, b"\r\n");
            }
        }
        Ok(())
    }

    /// Sends a piece and waits until it is written. Not cancel-safe.
    ///
    /// # Errors
    /// The upstream reads no more; an answer may have come all the same.
    pub(super) async fn data(&mut self, data: Bytes) -> Result<(), Failure> {
        self.flush().await?;
        let connection = Rc::clone(&self.connection);
        self.queue(&mut connection.borrow_mut(), data)?;
        self.flush().await
    }

    /// Ends the body.
    ///
    /// # Errors
    /// The upstream reads no more, or the body is shorter than announced.
    pub(super) async fn finish(&mut self, trailers: Option<Headers>) -> Result<(), Failure> {
        self.flush().await?;
        {
            let mut connection = self.connection.borrow_mut();
            match self.left {
                Some(0) => {}
                Some(left) => {
                    connection.close();
                    return Err(Failure::new(&BAD_FRAMING, format!("{left} bytes of the request body are missing")));
                }
                None => {
                    connection.queue_prefix(b"0\r\n");
                    for (name, value) in trailers.and_then(fields::trailing).iter().flat_map(Headers::iter) {
                        // A value with a line break would end the body early.
                        if !value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                            connection.queue_prefix(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
                        }
                    }
                    connection.queue_prefix(b"\r\n");
                }
            }
            connection.queued_whole();
        }
        self.finished = true;
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let Self { connection, limits, timer, .. } = self;
        limits.moved();
        poll_fn(|context| {
            let mut connection = connection.borrow_mut();
            if connection.is_broken() {
                return Poll::Ready(Err(Failure::new(&RESET, "the upstream reads no more of the request")));
            }
            match connection.poll_flush(context) {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
                Poll::Ready(Err(error)) => {
                    connection.break_request();
                    Poll::Ready(Err(Failure::new(&RESET, format!("while the request was sent: {error}"))))
                }
                Poll::Pending => {
                    limits.saw(connection.written());
                    ready!(limits.poll(timer, context));
                    // Whoever waits for the answer finds the silence too, and tells of it.
                    connection.break_request();
                    Poll::Ready(Err(Failure::new(&TIMEOUT, "the upstream does not read the request")))
                }
            }
        })
        .await
    }
}

impl Drop for Sender {
    /// A body that will never be complete: without an answer the exchange is called off, with one it is only not
    /// followed by another.
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let mut connection = self.connection.borrow_mut();
        if connection.headed || connection.is_broken() {
            connection.break_request();
        } else {
            connection.close();
        }
    }
}
