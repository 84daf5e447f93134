//! Where the response of one HTTP/2 stream goes: head, DATA under flow control, trailers.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use stockade_model::plan::TimeoutsPlan;
use stockade_model::{Headers, ResponseHead};
use tokio::time::Instant;

use super::line::Line;
use crate::message::{BodyLength, ClientGone, ResponseSink};

/// Room asked for at once. Streams that wait for the connection's window take turns, so a small share keeps the
/// turns short.
const SHARE_BYTES: usize = 16 * 1024;

/// One stream's response.
pub(super) struct Sink {
    line: Rc<Line>,
    /// The request was HEAD: whatever the head says, no body follows (RFC 9110 9.3.2).
    head_request: bool,
    /// The head said that nothing follows.
    over: bool,
    stall: Stall,
}

/// How long the client has kept the stream waiting, and for how little.
#[derive(Debug)]
struct Stall {
    patience: Duration,
    /// Bytes that must get through before the waiting is forgiven.
    progress_bytes: usize,
    waited: Duration,
    sent: usize,
}

impl Sink {
    pub(super) fn new(line: Rc<Line>, head_request: bool, timeouts: &TimeoutsPlan) -> Self {
        let progress = u64::from(timeouts.write_stall_ms) * u64::from(timeouts.body_bytes_per_second) / 1000;
        let stall = Stall {
            patience: Duration::from_millis(u64::from(timeouts.write_stall_ms)),
            progress_bytes: usize::try_from(progress).unwrap_or(usize::MAX),
            waited: Duration::ZERO,
            sent: 0,
        };
        Self { line, head_request, over: false, stall }
    }

    fn begin(&mut self, head: &ResponseHead, length: BodyLength, last: bool) -> Result<(), ClientGone> {
        let bodyless = self.head_request || matches!(head.status, 204 | 304);
        self.over = last || bodyless || length == BodyLength::None;
        let declared = match length {
            BodyLength::Known(bytes) => Some(bytes),
            BodyLength::None => head.content_length,
            BodyLength::Unknown => None,
        };
        // 204 has no length (RFC 9110 8.6); HEAD and 304 may tell the one that GET would have.
        let declared = declared.filter(|_| head.status != 204);
        self.line.head(response(head, declared), self.over)
    }

    /// Waits for room to send. A client that has let too little through for too long is cut off, however many
    /// WINDOW_UPDATE frames drip in (A34).
    async fn room(&mut self, wanted: usize) -> Result<usize, ClientGone> {
        let room = self.line.reserve(wanted.min(SHARE_BYTES))?;
        if room > 0 {
            return Ok(room);
        }
        let began = Instant::now();
        let deadline = began + self.stall.patience.saturating_sub(self.stall.waited);
        let line = &self.line;
        match tokio::time::timeout_at(deadline, poll_fn(|context| line.poll_room(context))).await {
            Ok(room) => {
                self.stall.waited += began.elapsed();
                room
            }
            Err(_) => {
                self.line.reset(Reason::CANCEL);
                Err(ClientGone)
            }
        }
    }

    async fn send(&mut self, mut data: Bytes, last: bool) -> Result<(), ClientGone> {
        while !data.is_empty() {
            let room = self.room(data.len()).await?;
            let piece = data.split_to(room.min(data.len()));
            self.stall.passed(piece.len());
            self.line.data(piece, last && data.is_empty())?;
        }
        Ok(())
    }
}

impl Stall {
    fn passed(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes);
        if self.sent >= self.progress_bytes {
            self.sent = 0;
            self.waited = Duration::ZERO;
        }
    }
}

impl ResponseSink for Sink {
    async fn head(&mut self, head: &ResponseHead, length: BodyLength) -> Result<(), ClientGone> {
        self.begin(head, length, false)
    }

    async fn data(&mut self, data: Bytes) -> Result<(), ClientGone> {
        if self.over {
            return Ok(());
        }
        self.send(data, false).await
    }

    async fn finish(&mut self, trailers: Option<Headers>) -> Result<(), ClientGone> {
        if self.over {
            return Ok(());
        }
        self.over = true;
        match trailers.map(|trailers| fields(&trailers)).filter(|trailers| !trailers.is_empty()) {
            Some(trailers) => self.line.trailers(trailers),
            None => self.line.data(Bytes::new(), true),
        }
    }

    async fn whole(&mut self, head: &ResponseHead, body: Bytes) -> Result<(), ClientGone> {
        self.begin(head, BodyLength::Known(body.len() as u64), body.is_empty())?;
        if self.over {
            return Ok(());
        }
        self.over = true;
        self.send(body, true).await
    }

    fn abort(&mut self) {
        self.line.reset(Reason::INTERNAL_ERROR);
    }
}

fn response(head: &ResponseHead, content_length: Option<u64>) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = fields(&head.headers);
    if let Some(length) = content_length {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

/// Fields that HTTP/2 cannot carry are left out: connection-specific ones and bad bytes (RFC 9113 8.2).
fn fields(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers.iter() {
        if matches!(name, "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade") {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drip_does_not_forgive_the_waiting_and_real_progress_does() {
        let mut stall = Stall {
            patience: Duration::from_secs(20),
            progress_bytes: 20_480,
            waited: Duration::from_secs(19),
            sent: 0,
        };
        for _ in 0..100 {
            stall.passed(1);
        }
        assert_eq!(stall.waited, Duration::from_secs(19));
        stall.passed(20_400);
        assert_eq!((stall.waited, stall.sent), (Duration::ZERO, 0));
    }

    #[test]
    fn fields_that_http2_cannot_carry_are_left_out() {
        let mut headers = Headers::default();
        headers.push(b"x-one", b"1");
        headers.push(b"Connection", b"close");
        headers.push(b"transfer-encoding", b"chunked");
        headers.push(b"x-bad", b"a\nb");
        headers.push(b"set-cookie", b"a=1");
        headers.push(b"set-cookie", b"b=2");
        let map = fields(&headers);
        assert_eq!(map.len(), 3);
        assert_eq!(map.get_all("set-cookie").iter().count(), 2);
    }
}
