//! From a cleared request to the head of its reply: which target, which connection, and whether to try again.

use std::rc::Rc;

use base64::Engine as _;
use stockade_engine::Cleared;
use stockade_model::Request;
use stockade_model::plan::UpstreamProtocol;
use stockade_model::request::media_type;

use super::deadline::Limits;
use super::failure::{Failure, Retry, is_idempotent};
use super::group::Group;
use super::http1::{self, Connection, Lease, Outgoing, Route};
use super::http2;
use super::reason::{BAD_SWITCH, TLS, UNWRITABLE};
use super::reply::{PendingReply, Reply, RequestStream, Switched, Upgraded};
use super::target::Target;
use super::{UpstreamFailure, io};
use crate::message::BodyLength;

/// A connection to serve one exchange.
enum Via {
    Http1(http1::Shared),
    Http2(http2::Handle),
}

/// What a request needs of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Whatever the settings say.
    Any,
    /// HTTP/2 unless the settings rule it out: gRPC needs its trailers and both directions at once.
    Http2,
    /// HTTP/1.1, for a protocol switch.
    Http1,
}

/// Sends a whole request, again where that is safe.
pub(super) async fn send(group: &Group, cleared: &Cleared) -> Result<Reply, UpstreamFailure> {
    let request = cleared.request();
    let body = &cleared.body().bytes;
    let length = if body.is_empty() { BodyLength::None } else { BodyLength::Known(body.len() as u64) };
    let outgoing = || Outgoing { length, body: body.clone(), complete: true };
    let need = need(request);
    attempts(group, request, async |target, fresh, limits| {
        let (pending, _) = start(group, target, request, need, fresh, limits, outgoing()).await?;
        pending.head().await
    })
    .await
}

/// Sends what there is of a request. Tried again only before anything was written.
pub(super) async fn open(
    group: &Group,
    cleared: &Cleared,
    length: BodyLength,
) -> Result<(RequestStream, PendingReply), UpstreamFailure> {
    let request = cleared.request();
    let body = &cleared.body().bytes;
    let need = need(request);
    attempts(group, request, async |target, _, limits| {
        // What cannot be repeated goes over a connection that cannot have been closed meanwhile.
        let outgoing = Outgoing { length, body: body.clone(), complete: false };
        let (pending, stream) = start(group, target, request, need, true, limits, outgoing).await?;
        let stream = stream.ok_or_else(|| Failure::new(&UNWRITABLE, "a body that is complete was to be streamed"))?;
        Ok((stream, pending))
    })
    .await
}

/// Asks for a switch to WebSocket.
pub(super) async fn upgrade(group: &Group, cleared: &Cleared) -> Result<Upgraded, UpstreamFailure> {
    let request = cleared.request();
    let reply = attempts(group, request, async |target, fresh, limits| {
        let outgoing = Outgoing { length: BodyLength::None, body: Default::default(), complete: true };
        let (pending, _) = start(group, target, request, Need::Http1, fresh, limits, outgoing).await?;
        pending.head().await
    })
    .await?;
    if reply.head.status != 101 {
        return Ok(Upgraded::Refused(reply));
    }
    let target = reply.target.clone();
    let bad = |detail: &'static str| Failure::new(&BAD_SWITCH, detail).at(&target);
    let expected = request.headers.get("sec-websocket-key").map(websocket_accept);
    if expected.as_deref().map(str::as_bytes) != reply.head.headers.get("sec-websocket-accept") {
        return Err(bad("`Sec-WebSocket-Accept` does not answer `Sec-WebSocket-Key`"));
    }
    let (head, switched) = reply.switch();
    let (io, rest, running) = switched.ok_or_else(|| bad("connection closed"))?;
    Ok(Upgraded::Switched(head, Box::new(Switched::new(io, running)), rest))
}

/// Tries targets until one works or another attempt would not be safe.
async fn attempts<T>(
    group: &Group,
    request: &Request,
    attempt: impl AsyncFn(&Rc<Target>, bool, Limits) -> Result<T, Failure>,
) -> Result<T, UpstreamFailure> {
    let limits = match need(request) {
        Need::Any if request.upgrade.is_none() => Limits::start(group.plan.idle_ms, group.plan.total_ms),
        _ if request.upgrade.is_some() => Limits::start(group.plan.idle_ms, 0),
        _ => Limits::none(),
    };
    let mut left = group.plan.retries;
    let mut tried: Vec<Rc<Target>> = Vec::new();
    let mut again: Option<Rc<Target>> = None;
    loop {
        let fresh = again.is_some();
        let target = match again.take() {
            Some(target) => target,
            None => group.choose(&tried).map_err(|failure| UpstreamFailure {
                reason: failure.reason,
                detail: failure.detail.into_owned(),
                target: None,
            })?,
        };
        let failure = match attempt(&target, fresh, limits).await {
            Ok(done) => return Ok(done),
            Err(failure) => failure,
        };
        let safe = match failure.retry {
            Retry::Always => true,
            Retry::Idempotent => is_idempotent(&request.method),
            Retry::Never => false,
        };
        if safe && failure.stale && !fresh {
            // The upstream closed a connection it had kept: that says nothing about the target.
            again = Some(target);
            continue;
        }
        if failure.reason != &UNWRITABLE {
            group.health.failed(&target.health);
        }
        if !safe || left == 0 {
            return Err(failure.at(&target.name));
        }
        left -= 1;
        tried.push(target);
    }
}

/// Takes or opens a connection and queues the request on it.
async fn start(
    group: &Group,
    target: &Rc<Target>,
    request: &Request,
    need: Need,
    fresh: bool,
    limits: Limits,
    outgoing: Outgoing,
) -> Result<(PendingReply, Option<RequestStream>), Failure> {
    let running = target.health.run();
    let host = match &group.host {
        Some(host) => host,
        None if group.plan.preserve_host => &request.authority,
        None => &target.authority,
    };
    let route = Route { host, set_headers: &group.set_headers, websocket: need == Need::Http1 };
    let facts = (Rc::clone(target), std::sync::Arc::clone(&group.health));
    match obtain(group, target, need, fresh).await? {
        Via::Http1(connection) => {
            let lease = Lease::new(connection, Rc::clone(target), running);
            let (pending, sender) = http1::start(lease, request, route, outgoing, limits)?;
            Ok((PendingReply::http1(pending, facts), sender.map(|sender| RequestStream::http1(sender, target))))
        }
        Via::Http2(handle) => {
            let grpc = need == Need::Http2;
            let head = http2::RequestHead { request, route, tls: target.place.tls, grpc };
            let (pending, sender) = handle.start(&head, outgoing, limits, running).await?;
            Ok((PendingReply::http2(pending, facts), sender.map(|sender| RequestStream::http2(sender, target))))
        }
    }
}

/// A connection from the pool, or a new one.
async fn obtain(group: &Group, target: &Rc<Target>, need: Need, fresh: bool) -> Result<Via, Failure> {
    let tls = group.tls()?;
    let plan = &group.plan;
    let pool = &target.pool;
    let http2 = match plan.protocol {
        _ if need == Need::Http1 => false,
        UpstreamProtocol::Http1 => false,
        UpstreamProtocol::Http2 => true,
        UpstreamProtocol::Auto if target.place.tls => target.agreed_http2.get(),
        UpstreamProtocol::Auto => need == Need::Http2,
    };
    if http2 {
        // One connection carries many exchanges: whoever comes while it is being opened waits for it.
        if let Some(handle) = pool.http2.pick() {
            return Ok(Via::Http2(handle));
        }
        let _opening = pool.http2.opening().await;
        if let Some(handle) = pool.http2.pick() {
            return Ok(Via::Http2(handle));
        }
        return connect(group, target, tls, false, true).await;
    }
    if !fresh && let Some(connection) = pool.take() {
        return Ok(Via::Http1(connection));
    }
    connect(group, target, tls, need == Need::Http1, false).await
}

async fn connect(
    group: &Group,
    target: &Rc<Target>,
    tls: Option<&super::tls::Tls>,
    http1_only: bool,
    http2: bool,
) -> Result<Via, Failure> {
    let (io, agreed) = target.connect(&group.plan, tls, http1_only).await?;
    let prior_knowledge = http2 && matches!(io, io::Io::Plain(_));
    if agreed || prior_knowledge {
        let handle = target.pool.http2.add(io).await?;
        target.keep_swept();
        return Ok(Via::Http2(handle));
    }
    if group.plan.protocol == UpstreamProtocol::Http2 && !http1_only {
        return Err(Failure::new(&TLS, "the upstream did not agree to HTTP/2").retry(Retry::Always));
    }
    Ok(Via::Http1(Rc::new(std::cell::RefCell::new(Connection::new(io)))))
}

fn need(request: &Request) -> Need {
    let grpc = || media_type(&request.headers).is_some_and(|kind| kind.starts_with("application/grpc"));
    if request.method == "POST" && grpc() { Need::Http2 } else { Need::Any }
}

/// What answers a `Sec-WebSocket-Key` (RFC 6455 4.2.2).
fn websocket_accept(key: &[u8]) -> String {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key);
    digest.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(digest.finish())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_answered() {
        assert_eq!(websocket_accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
