//! The body of one request, as HTTP/1.1 delimits it: deadlines, size, and the interim answer.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use stockade_model::plan::{GatewayPlan, HttpLimitsPlan};
use stockade_model::{Framing, Headers, Reason};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::reasons;
use super::transport::{Pace, Transport, after};
use crate::chunked::{Decoder, Fault, Piece, Sender};
use crate::message::{BodyFailure, RequestBody};
use crate::shared::Worker;

/// Bytes read at once.
const READ_BYTES: usize = 32 * 1024;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

#[derive(Debug, Default)]
enum Rest {
    #[default]
    Done,
    Length(u64),
    Chunked(Box<Decoder>),
    /// Unreadable: what follows on the connection has no meaning.
    Broken,
}

/// How much of the body of the present request has come.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    rest: Rest,
    /// The whole length, when the head told it.
    length: Option<u64>,
    received: u64,
    /// What is left to write of the interim answer that the client waits for.
    interim: &'static [u8],
    /// When waiting for the body began.
    since: Option<Instant>,
    streams: bool,
    trailers: Option<Headers>,
}

impl Incoming {
    /// The body of a request whose head has just come.
    pub(crate) fn new(framing: Framing, expects_continue: bool, limits: &HttpLimitsPlan) -> Self {
        let (rest, length) = match framing {
            Framing::None | Framing::Length(0) => (Rest::Done, None),
            Framing::Length(length) => (Rest::Length(length), Some(length)),
            Framing::Chunked => {
                let (extensions, trailers) = (limits.chunk_extension_bytes as usize, limits.trailer_bytes as usize);
                (Rest::Chunked(Box::new(Decoder::new(Sender::Client, extensions, trailers))), None)
            }
        };
        let waits = expects_continue && !matches!(rest, Rest::Done);
        Self { rest, length, interim: if waits { CONTINUE } else { b"" }, ..Self::default() }
    }

    /// Whether all of it was read.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.rest, Rest::Done)
    }

    /// Whether the rest is worth reading away, so that the connection can go on: known, short, and on its way.
    pub(crate) fn is_short(&self, most: u64) -> bool {
        match self.rest {
            Rest::Done => true,
            Rest::Length(left) => left <= most && self.interim.is_empty(),
            Rest::Chunked(_) | Rest::Broken => false,
        }
    }

    /// A final answer is being sent: the interim one would come too late. `is_short` was asked before.
    pub(crate) fn forget_interim(&mut self) {
        self.interim = b"";
    }

    /// Takes what the input buffer holds of the body.
    pub(crate) fn take(
        &mut self,
        input: &mut BytesMut,
        plan: &GatewayPlan,
    ) -> Result<Piece, (&'static Reason, String)> {
        let most = plan.limits.body_bytes;
        let data = match &mut self.rest {
            Rest::Done => return Ok(Piece::End),
            Rest::Broken => return Err((&reasons::BODY_BROKEN, "read again after a failure".to_owned())),
            Rest::Length(left) => {
                if self.length.is_some_and(|length| length > most) {
                    return Err(too_large(self.length.unwrap_or_default(), most));
                }
                let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                if take == 0 {
                    return Ok(Piece::More);
                }
                *left = left.saturating_sub(take as u64);
                if *left == 0 {
                    self.rest = Rest::Done;
                }
                input.split_to(take).freeze()
            }
            Rest::Chunked(decoder) => match decoder.next(input).map_err(refusal)? {
                Piece::Data(data) => data,
                Piece::More => return Ok(Piece::More),
                Piece::End => {
                    self.trailers = decoder.trailers();
                    self.rest = Rest::Done;
                    return Ok(Piece::End);
                }
            },
        };
        self.received = self.received.saturating_add(data.len() as u64);
        if self.received > most {
            return Err(too_large(self.received, most));
        }
        Ok(Piece::Data(data))
    }

    /// When the rest must have come: the slowest rate accepted decides, by the length when it is known.
    fn deadline(&mut self, plan: &GatewayPlan) -> Option<Instant> {
        if self.streams {
            return None;
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let bytes = self.length.unwrap_or(self.received);
        let rate = u64::from(plan.timeouts.body_bytes_per_second.max(1));
        let allowance = u64::from(plan.timeouts.body_ms).saturating_add(bytes.saturating_mul(1_000) / rate);
        Some(after(since, allowance))
    }

    /// Bytes worth asking for.
    fn wanted(&self) -> usize {
        match self.rest {
            Rest::Length(left) => usize::try_from(left).unwrap_or(READ_BYTES).min(READ_BYTES),
            _ => READ_BYTES,
        }
    }
}

/// Why a chunked body is refused, in the words of the record.
fn refusal(fault: Fault) -> (&'static Reason, String) {
    let reason = match fault {
        Fault::Size(_) | Fault::DataEnd => &reasons::CHUNK,
        Fault::ExtensionsTooLong(_) => &reasons::CHUNK_EXTENSIONS,
        Fault::Trailer(_) => &reasons::TRAILER,
        Fault::TrailerTooLong(_) => &reasons::TRAILER_TOO_LARGE,
    };
    (reason, fault.to_string())
}

fn too_large(bytes: u64, most: u64) -> (&'static Reason, String) {
    (&reasons::BODY_TOO_LARGE, format!("{bytes} bytes or more, at most {most} are accepted"))
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Transport<IO> {
    /// The next piece of the body, or `None` at its end.
    pub(crate) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        plan: &GatewayPlan,
    ) -> Poll<Result<Option<Bytes>, BodyFailure>> {
        loop {
            match self.incoming.take(&mut self.input, plan) {
                Ok(Piece::Data(data)) => return Poll::Ready(Ok(Some(data))),
                Ok(Piece::End) => return Poll::Ready(Ok(None)),
                Ok(Piece::More) => {}
                Err((reason, detail)) => {
                    self.incoming.rest = Rest::Broken;
                    return Poll::Ready(Err(BodyFailure { reason, detail, gone: false }));
                }
            }
            if self.ended {
                self.incoming.rest = Rest::Broken;
                let detail = format!("{} bytes had come", self.incoming.received);
                return Poll::Ready(Err(BodyFailure { reason: &reasons::BODY_BROKEN, detail, gone: true }));
            }
            if !self.incoming.interim.is_empty() {
                let pace = Pace::new(&plan.timeouts);
                let mut interim = Bytes::from_static(self.incoming.interim);
                let written = self.poll_write_all(cx, &mut interim, pace);
                let sent = self.incoming.interim.len() - interim.len();
                self.incoming.interim = self.incoming.interim.get(sent..).unwrap_or_default();
                if ready!(written).is_err() {
                    self.ended = true;
                    continue;
                }
            }
            match self.poll_fill_body(cx, self.incoming.wanted()) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => self.ended = true,
                Poll::Pending => {
                    let Some(deadline) = self.incoming.deadline(plan) else { return Poll::Pending };
                    ready!(self.timer.poll_passed(cx, deadline));
                    self.incoming.rest = Rest::Broken;
                    let detail = format!("{} bytes had come", self.incoming.received);
                    return Poll::Ready(Err(BodyFailure { reason: &reasons::BODY_TIMEOUT, detail, gone: false }));
                }
            }
        }
    }

    /// Throws away up to `most` bytes of input, of whatever meaning.
    pub(crate) fn poll_discard(&mut self, cx: &mut Context<'_>, most: &mut usize, scratch: &mut [u8]) -> Poll<()> {
        loop {
            *most = most.saturating_sub(self.input.len());
            let length = self.input.len();
            self.input.advance(length);
            if *most == 0 || self.ended {
                return Poll::Ready(());
            }
            if ready!(self.poll_fill(cx, scratch)).is_err() {
                self.ended = true;
            }
        }
    }
}

/// The body of the present request, for the exchange.
#[derive(Debug)]
pub(crate) struct Body<'a, IO> {
    pub(crate) transport: &'a RefCell<Transport<IO>>,
    pub(crate) worker: &'a Worker,
    pub(crate) plan: &'a GatewayPlan,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> RequestBody for Body<'_, IO> {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFailure> {
        poll_fn(|cx| self.transport.borrow_mut().poll_body(cx, self.plan)).await
    }

    fn trailers(&mut self) -> Option<Headers> {
        self.transport.borrow_mut().incoming.trailers.take()
    }

    fn stream(&mut self) {
        self.transport.borrow_mut().incoming.streams = true;
    }

    async fn gone(&mut self) {
        poll_fn(|cx| self.transport.borrow_mut().poll_gone(cx, &mut self.worker.scratch.borrow_mut())).await;
    }
}
