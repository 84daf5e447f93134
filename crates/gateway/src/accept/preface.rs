//! Tells HTTP/2 with prior knowledge from HTTP/1 on a connection without TLS (RFC 9113 3.3).

use std::time::Duration;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::shared::WorkerRef;

/// What an HTTP/2 client sends first (RFC 9113 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Room for the first read: an ordinary head, with a small body.
const FIRST_READ_BYTES: usize = 4096;

/// What a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.0 or 1.1, or nothing known: its driver refuses that.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Reads until the protocol is certain, which for every HTTP/1 method is by its third byte at the latest.
///
/// What was read stays in `buffered`. A client that sends nothing, breaks off or is too slow is HTTP/1's to refuse,
/// with the same deadline; so is one that waits while the gateway drains.
pub(super) async fn sniff(
    worker: &WorkerRef,
    stream: &TcpStream,
    buffered: &mut BytesMut,
    accepted: Instant,
) -> Protocol {
    let limit = worker.shared.engine.load().plan().gateway.timeouts.head_ms;
    let deadline = accepted + Duration::from_millis(u64::from(limit));
    let mut drain = worker.shared.drain.clone();
    loop {
        // An idle connection holds no buffer: room is made once there is something to read.
        let readable = tokio::select! {
            biased;
            readable = tokio::time::timeout_at(deadline, stream.readable()) => readable,
            _ = drain.wait_for(|draining| *draining) => return Protocol::Http1,
        };
        if !matches!(readable, Ok(Ok(()))) {
            return Protocol::Http1;
        }
        buffered.reserve(FIRST_READ_BYTES);
        match stream.try_read_buf(buffered) {
            Ok(0) => return Protocol::Http1,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return Protocol::Http1,
        }
        if let Some(protocol) = spoken(buffered) {
            return protocol;
        }
    }
}

/// What these first bytes are; `None` while both are possible.
fn spoken(first: &[u8]) -> Option<Protocol> {
    if first.starts_with(PREFACE) {
        Some(Protocol::Http2)
    } else if PREFACE.starts_with(first) {
        None
    } else {
        Some(Protocol::Http1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_begin_like_the_preface_are_told_apart_at_once() {
        for first in ["PO", "PU", "PA", "PROP", "GET /", "PRX"] {
            assert_eq!(spoken(first.as_bytes()), Some(Protocol::Http1), "{first}");
        }
    }

    #[test]
    fn the_preface_is_known_only_when_it_is_whole() {
        for length in 0..PREFACE.len() {
            assert_eq!(spoken(&PREFACE[..length]), None);
        }
        assert_eq!(spoken(PREFACE), Some(Protocol::Http2));
        assert_eq!(spoken(&[PREFACE, b"more"].concat()), Some(Protocol::Http2));
        assert_eq!(spoken(b"PRI * HTTP/2.0\r\n\r\nXX"), Some(Protocol::Http1));
    }
}
