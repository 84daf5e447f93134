//! Ways in for the fuzz targets: each reads bytes in two ways and tells whether both agree.

use std::mem::MaybeUninit;
use std::sync::Arc;

use bytes::BytesMut;
use stockade_engine::{Engine, PlanError};
use stockade_model::{Client, Framing, HttpVersion, Plan, Request, RequestId, Scheme, Timestamp};

use crate::chunked::{Decoder, Piece, Sender};
use crate::http1::framing::framing;
use crate::http1::head::{MOST_FIELDS, Scanner, parse};
use crate::normalise::{Edge, RawHead, normalise};

/// Whether what is read of `bytes` as a client certificate, if anything, is bounded and free of controls.
#[must_use]
pub fn certificate(bytes: &[u8]) -> bool {
    let read = crate::tls::read_client_certificate(&rustls::pki_types::CertificateDer::from(bytes));
    read.is_none_or(|read| read.subject.len() <= 1024 && !read.subject.chars().any(char::is_control))
}

/// What the targets share.
#[derive(Debug)]
pub struct Fuzzing {
    edge: Edge,
    client: Arc<Client>,
}

impl Fuzzing {
    /// Reads under the limits of `plan`, as if from `client`.
    ///
    /// # Errors
    /// A plan that does not compile.
    pub fn new(plan: Plan, client: Arc<Client>) -> Result<Self, PlanError> {
        Ok(Self { edge: Edge::new(Arc::new(Engine::new(plan)?)), client })
    }

    /// A head in pieces of `step` bytes is what it is as a whole, and can be taken apart without a panic.
    #[must_use]
    pub fn head(&self, bytes: &[u8], step: usize) -> bool {
        let limits = &self.edge.plan().limits;
        let whole = Scanner::default().scan(bytes, limits).map_err(|refusal| refusal.reason);
        if let Ok(Some(length)) = whole {
            let mut storage = [const { MaybeUninit::uninit() }; MOST_FIELDS];
            if let Ok(head) = parse(bytes.get(..length).unwrap_or_default(), &mut storage) {
                let _ = framing(head.version, head.fields);
            }
        }
        let mut scanner = Scanner::default();
        let mut split = Ok(None);
        let mut end = 0;
        while end < bytes.len() && split == Ok(None) {
            end = end.saturating_add(step.max(1)).min(bytes.len());
            split = scanner.scan(bytes.get(..end).unwrap_or_default(), limits).map_err(|refusal| refusal.reason);
        }
        // A piece may end where a limit is passed before another fault has come: both refuse.
        split == whole || (split.is_err() && whole.is_err())
    }

    /// A chunked body in pieces of `step` bytes is what it is as a whole.
    #[must_use]
    pub fn chunked(&self, bytes: &[u8], step: usize) -> bool {
        let (split, whole) = (self.decode(bytes, step), self.decode(bytes, bytes.len()));
        split == whole || (split.is_none() && whole.is_none())
    }

    /// The body and what was left over; `None` when it is refused.
    fn decode(&self, mut bytes: &[u8], step: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let limits = &self.edge.plan().limits;
        let (extensions, trailers) = (limits.chunk_extension_bytes as usize, limits.trailer_bytes as usize);
        let mut decoder = Decoder::new(Sender::Client, extensions, trailers);
        let mut buffer = BytesMut::new();
        let mut body = Vec::new();
        loop {
            match decoder.next(&mut buffer).ok()? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::More if bytes.is_empty() => return Some((body, Vec::new())),
                Piece::More => {
                    let (head, tail) = bytes.split_at_checked(step.max(1)).unwrap_or((bytes, &[]));
                    buffer.extend_from_slice(head);
                    bytes = tail;
                }
                Piece::End => return Some((body, [&buffer[..], bytes].concat())),
            }
        }
    }

    /// A head that has a canonical form has the same one when that form is read again.
    #[must_use]
    pub fn normalise(&self, bytes: &[u8]) -> bool {
        let Some(request) = self.request(bytes) else { return true };
        let again = format!("{} {} HTTP/1.1\r\nhost: {}\r\n\r\n", request.method, request.target(), request.authority);
        self.request(again.as_bytes()).is_some_and(|again| {
            again.target() == request.target() && again.authority == request.authority && again.method == request.method
        })
    }

    fn request(&self, bytes: &[u8]) -> Option<Request> {
        let length = Scanner::default().scan(bytes, &self.edge.plan().limits).ok()??;
        let mut storage = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let head = parse(bytes.get(..length)?, &mut storage).ok()?;
        let raw = RawHead {
            method: head.method,
            target: head.target,
            version: HttpVersion::Http11,
            scheme: Scheme::Http,
            authority: None,
            framing: Framing::None,
            size: (head.fields.len(), length),
        };
        let fields = head.fields.iter().map(|field| (field.name.as_bytes(), field.value));
        let id = RequestId::new(Timestamp(0), 0);
        normalise(&self.edge, &self.client, id, &raw, fields).ok().map(|arrival| *arrival.request)
    }
}

/// Any bytes are a reply of the store, the beginning of one, or none; and a reply takes no more than there is.
#[must_use]
pub fn store_reply(bytes: &[u8]) -> bool {
    match crate::limits::resp::reply(bytes) {
        Ok(Some((_, length))) => length <= bytes.len(),
        Ok(None) | Err(_) => true,
    }
}

/// Frames of a WebSocket in pieces of `step` bytes break the same rule as all at once, or none.
#[must_use]
pub fn websocket(bytes: &[u8], step: usize) -> bool {
    use crate::websocket::guard::{Guard, Origin};
    [Origin::Client, Origin::Server].into_iter().all(|from| {
        let guard = || Guard::new(from, 1 << 16, 100);
        let whole = guard().check(bytes, 0);
        let mut split = guard();
        bytes.chunks(step.max(1)).try_for_each(|piece| split.check(piece, 0)) == whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_agree_with_themselves(
            bytes in "(GET|POST|[A-Z]{1,3}) [/a-z%2e.?#*]{1,9} HTTP/1.1\r\n(Host: [a-z.:1]{1,6}\r\n)?([A-Z_]: [ -~]{0,9}\r\n){0,3}\r\n",
            chunks in "[0-9a-f;=\"\r\n ]{0,40}",
            step in 1_usize..9,
        ) {
            let fuzzing = Fuzzing::new(testing::plan("127.0.0.1:1"), testing::client("192.0.2.1")).unwrap();
            prop_assert!(fuzzing.head(bytes.as_bytes(), step));
            prop_assert!(fuzzing.normalise(bytes.as_bytes()));
            prop_assert!(fuzzing.chunked(chunks.as_bytes(), step));
            prop_assert!(store_reply(chunks.as_bytes()));
            prop_assert!(websocket(bytes.as_bytes(), step));
        }
    }
}
