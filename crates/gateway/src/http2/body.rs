//! The body of one HTTP/2 request: flow control, size, pace, trailers (RFC 9113 8.1).

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use http::HeaderMap;
use stockade_model::plan::GatewayPlan;
use stockade_model::{Headers, Reason};
use tokio::time::Instant;

use super::line::Line;
use crate::http1::reasons;
use crate::message::{BodyFailure, RequestBody};
use crate::normalise::trailer::must_stand_in_the_head;

/// Reads DATA as the exchange asks for it. The client may send no further than what has been taken, plus one window.
pub(super) struct Body {
    stream: RecvStream,
    line: Rc<Line>,
    limits: Limits,
    /// Bytes handed out with the last piece; given back to the window when the next one is asked for.
    held: usize,
    received: u64,
    /// Time spent waiting for the client.
    waited: Duration,
    waiting_since: Option<Instant>,
    continue_wanted: bool,
    /// Silence is no fault: the body is one side of a conversation.
    patient: bool,
    ended: bool,
    trailers: Option<Headers>,
}

/// What bounds a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    bytes: u64,
    trailer_bytes: u32,
    header_count: u16,
    pace: Pace,
}

#[derive(Debug, Clone, Copy)]
struct Pace {
    grace: Duration,
    bytes_per_second: u64,
}

impl Limits {
    pub(super) fn new(plan: &GatewayPlan) -> Self {
        Self {
            bytes: plan.limits.body_bytes,
            trailer_bytes: plan.limits.trailer_bytes,
            header_count: plan.limits.header_count,
            pace: Pace {
                grace: Duration::from_millis(u64::from(plan.timeouts.body_ms)),
                bytes_per_second: u64::from(plan.timeouts.body_bytes_per_second.max(1)),
            },
        }
    }
}

impl Body {
    pub(super) fn new(stream: RecvStream, line: Rc<Line>, limits: Limits, continue_wanted: bool) -> Self {
        Self {
            stream,
            line,
            limits,
            held: 0,
            received: 0,
            waited: Duration::ZERO,
            waiting_since: None,
            continue_wanted,
            patient: false,
            ended: false,
            trailers: None,
        }
    }

    /// Until when the client may be waited for. Time in which the exchange did not ask for more does not count.
    fn deadline(&mut self) -> Option<Instant> {
        if self.patient {
            return None;
        }
        let pace = self.limits.pace;
        let earned = Duration::from_secs(self.received / pace.bytes_per_second);
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        since.checked_add((pace.grace + earned).saturating_sub(self.waited))
    }

    fn arrived(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, BodyFailure> {
        loop {
            let stream = &mut self.stream;
            let Some(piece) = poll_fn(|context| stream.poll_data(context)).await else {
                return self.finish().await.map(|()| None);
            };
            let piece = piece.map_err(|error| broken(&error))?;
            self.held = piece.len();
            self.received = self.received.saturating_add(piece.len() as u64);
            if self.received > self.limits.bytes {
                let detail = format!("more than {} bytes", self.limits.bytes);
                return Err(failure(&reasons::BODY_TOO_LARGE, detail));
            }
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    async fn finish(&mut self) -> Result<(), BodyFailure> {
        let stream = &mut self.stream;
        let trailers = poll_fn(|context| stream.poll_trailers(context)).await.map_err(|error| broken(&error))?;
        self.trailers = trailers.map(|fields| checked(&fields, &self.limits)).transpose()?;
        self.ended = true;
        Ok(())
    }
}

impl RequestBody for Body {
    async fn next(&mut self) -> Result<Option<Bytes>, BodyFailure> {
        if self.ended {
            return Ok(None);
        }
        if std::mem::take(&mut self.continue_wanted) {
            self.line.send_continue();
        }
        if self.held > 0 {
            // Fails only when the stream is closed, which the read finds.
            let _ = self.stream.flow_control().release_capacity(self.held);
            self.held = 0;
        }
        let Some(deadline) = self.deadline() else { return self.piece().await };
        let outcome = tokio::time::timeout_at(deadline, self.piece()).await;
        self.arrived();
        outcome.unwrap_or_else(|_| {
            let detail = format!("{} bytes came in {:.1} s", self.received, self.waited.as_secs_f64());
            Err(failure(&reasons::BODY_TIMEOUT, detail))
        })
    }

    fn trailers(&mut self) -> Option<Headers> {
        self.trailers.take()
    }

    fn stream(&mut self) {
        self.patient = true;
    }

    async fn gone(&mut self) {
        let line = &self.line;
        poll_fn(|context| if line.poll_gone(context).is_ready() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// Trailer fields, unless there are too many or one of them belongs in the head (RFC 9110 6.5.1).
fn checked(fields: &HeaderMap, limits: &Limits) -> Result<Headers, BodyFailure> {
    let bytes: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > limits.trailer_bytes as usize || fields.len() > usize::from(limits.header_count) {
        let detail = format!("{} trailer fields of {bytes} bytes", fields.len());
        return Err(failure(&reasons::TRAILER_TOO_LARGE, detail));
    }
    let mut out = Headers::with_capacity(fields.len(), bytes);
    for (name, value) in fields {
        if must_stand_in_the_head(name.as_str().as_bytes()) {
            return Err(failure(&reasons::TRAILER, format!("field `{name}` in the trailer section")));
        }
        out.push(name.as_str().as_bytes(), value.as_bytes());
    }
    Ok(out)
}

fn failure(reason: &'static Reason, detail: String) -> BodyFailure {
    BodyFailure { reason, detail, gone: false }
}

/// The stream is gone, by the client's reset or by h2's own: nobody is left to answer.
fn broken(error: &h2::Error) -> BodyFailure {
    BodyFailure { reason: &reasons::BODY_BROKEN, detail: error.to_string(), gone: true }
}
