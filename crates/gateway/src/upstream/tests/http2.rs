//! HTTP/2 towards targets, gRPC's needs above all.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use stockade_model::plan::UpstreamProtocol;
use stockade_model::{Headers, Request};

use super::support::*;
use crate::message::BodyLength;

type Exchange = (http::Request<RecvStream>, SendResponse<Bytes>);

/// An HTTP/2 upstream on the test's own runtime.
struct Origin2 {
    address: SocketAddr,
    connections: Rc<Cell<usize>>,
}

/// How the upstream behaves as a whole.
#[derive(Clone, Copy, Default)]
struct Manner {
    streams: Option<u32>,
    goaway_after: Option<usize>,
}

async fn origin<F: Future<Output = ()> + 'static>(manner: Manner, serve: impl Fn(Exchange) -> F + 'static) -> Origin2 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Rc::new(Cell::new(0));
    let counter = Rc::clone(&connections);
    let serve = Rc::new(serve);
    tokio::task::spawn_local(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counter.set(counter.get() + 1);
            let serve = Rc::clone(&serve);
            tokio::task::spawn_local(async move {
                let mut builder = h2::server::Builder::new();
                if let Some(streams) = manner.streams {
                    builder.max_concurrent_streams(streams);
                }
                let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                let mut served = 0;
                while let Some(Ok(exchange)) = connection.accept().await {
                    served += 1;
                    if manner.goaway_after == Some(served) {
                        connection.graceful_shutdown();
                    }
                    tokio::task::spawn_local(serve(exchange));
                }
            });
        }
    });
    Origin2 { address, connections }
}

fn bench(origin: &Origin2, retries: u8) -> Bench {
    Bench::new(&[origin.address], |plan| {
        plan.protocol = UpstreamProtocol::Http2;
        plan.retries = retries;
    })
}

fn ok() -> Response<()> {
    Response::new(())
}

async fn collect(mut body: RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
        all.extend_from_slice(&data);
    }
    all
}

fn grpc(path: &str) -> Request {
    let mut request = request("POST", path);
    request.headers.push(b"content-type", b"application/grpc+proto");
    request
}

fn trailers(status: &'static str) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static(status));
    trailers.insert("x-forwarded-for", HeaderValue::from_static("evil"));
    trailers
}

#[test]
fn a_request_is_written_from_its_canonical_form() {
    run(async {
        let seen = Rc::new(RefCell::new(None));
        let kept = Rc::clone(&seen);
        let origin = origin(Manner::default(), move |(request, mut respond)| {
            let seen = Rc::clone(&kept);
            async move {
                let (parts, body) = request.into_parts();
                *seen.borrow_mut() = Some((parts, collect(body).await));
                let mut response = ok();
                response.headers_mut().insert("x-a", HeaderValue::from_static("1"));
                response.headers_mut().insert("content-length", HeaderValue::from_static("2"));
                respond.send_response(response, false).unwrap().send_data(Bytes::from_static(b"ok"), true).unwrap();
            }
        })
        .await;
        let bench = bench(&origin, 0);
        let mut request = request("POST", "/a/b");
        request.query = Some("x=1".into());
        request.headers.push(b"accept", b"*/*");
        request.headers.push(b"transfer-encoding", b"chunked");
        let mut reply = bench.upstreams.send(&bench.clear(request, b"hello", true)).await.unwrap();
        assert_eq!((reply.head.status, reply.length), (200, BodyLength::Known(2)));
        assert_eq!(reply.head.headers.iter().collect::<Vec<_>>(), [("x-a", &b"1"[..])]);
        assert_eq!(read(&mut reply).await.unwrap(), b"ok");
        let (parts, body) = seen.borrow_mut().take().unwrap();
        assert_eq!((parts.method.as_str(), parts.uri.to_string().as_str()), ("POST", "http://shop.example/a/b?x=1"));
        let field = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!(field("accept"), Some("*/*"));
        assert_eq!(field("content-length"), Some("5"));
        assert_eq!(field("x-forwarded-for"), Some("192.0.2.7"));
        assert_eq!(field("transfer-encoding"), None);
        assert_eq!(body, b"hello");
    });
}

#[test]
fn exchanges_share_a_connection_and_a_second_is_opened_when_it_is_full() {
    run(async {
        let serve = |(_, mut respond): Exchange| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            respond.send_response(ok(), true).unwrap();
        };
        let shared = origin(Manner::default(), serve).await;
        let bench1 = bench(&shared, 0);
        let (one, other, third) = tokio::join!(bench1.get(), bench1.get(), bench1.get());
        assert!(one.is_ok() && other.is_ok() && third.is_ok());
        assert_eq!(shared.connections.get(), 1);

        let narrow = origin(Manner { streams: Some(1), ..Manner::default() }, serve).await;
        let bench2 = bench(&narrow, 0);
        bench2.get().await.unwrap();
        let (one, other) = tokio::join!(bench2.get(), bench2.get());
        assert!(one.is_ok() && other.is_ok());
        assert_eq!(narrow.connections.get(), 2);
    });
}

#[test]
fn grpc_goes_over_http2_in_clear_with_its_trailers() {
    run(async {
        let origin = origin(Manner::default(), |(request, mut respond): Exchange| async move {
            assert_eq!(request.headers().get("te").unwrap(), "trailers");
            let body = collect(request.into_body()).await;
            let mut send = respond.send_response(ok(), false).unwrap();
            send.send_data(Bytes::from(body), false).unwrap();
            send.send_trailers(trailers("0")).unwrap();
        })
        .await;
        let bench = Bench::new(&[origin.address], |plan| plan.protocol = UpstreamProtocol::Auto);
        let mut reply =
            bench.upstreams.send(&bench.clear(grpc("/shop.Orders/Get"), b"\0\0\0\0\x01x", true)).await.unwrap();
        assert_eq!(reply.length, BodyLength::Unknown);
        assert_eq!(read(&mut reply).await.unwrap(), b"\0\0\0\0\x01x");
        let trailers = reply.trailers().unwrap();
        assert_eq!(trailers.iter().collect::<Vec<_>>(), [("grpc-status", &b"0"[..])]);
    });
}

#[test]
fn both_directions_stream_at_once_and_may_be_silent() {
    run(async {
        let origin = origin(Manner::default(), |(request, mut respond): Exchange| async move {
            let mut send = respond.send_response(ok(), false).unwrap();
            let mut body = request.into_body();
            while let Some(data) = body.data().await {
                let data = data.unwrap();
                body.flow_control().release_capacity(data.len()).unwrap();
                send.send_data(data, false).unwrap();
            }
            assert_eq!(body.trailers().await.unwrap().unwrap().get("x-client").unwrap(), "1");
            send.send_trailers(trailers("0")).unwrap();
        })
        .await;
        let bench = Bench::new(&[origin.address], |plan| {
            plan.protocol = UpstreamProtocol::Auto;
            plan.idle_ms = 50;
            plan.total_ms = 100;
        });
        let cleared = bench.clear(grpc("/shop.Orders/Watch"), b"", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        let mut reply = pending.reply().await.unwrap();
        for text in ["one", "two", "three"] {
            tokio::time::sleep(Duration::from_millis(70)).await;
            stream.data(Bytes::from_static(text.as_bytes())).await.unwrap();
            assert_eq!(reply.next().await.unwrap().unwrap(), text);
        }
        // More than both windows together passes only when room is given back.
        let big = Bytes::from(vec![b'x'; 3 * 1024 * 1024]);
        let sending = async {
            stream.data(big.clone()).await.unwrap();
            let mut last = Headers::default();
            last.push(b"x-client", b"1");
            stream.finish(Some(last)).await.unwrap();
        };
        let (echoed, ()) = tokio::join!(read(&mut reply), sending);
        assert_eq!(echoed.unwrap().len(), big.len());
        assert_eq!(reply.trailers().unwrap().get("grpc-status"), Some(&b"0"[..]));
    });
}

#[test]
fn a_refused_stream_is_sent_again_whatever_its_method() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let counter = Rc::clone(&count);
        let origin = origin(Manner::default(), move |(_, mut respond): Exchange| {
            counter.set(counter.get() + 1);
            let first = counter.get() == 1;
            async move {
                if first {
                    respond.send_reset(h2::Reason::REFUSED_STREAM);
                } else {
                    respond.send_response(ok(), true).unwrap();
                }
            }
        })
        .await;
        let bench = bench(&origin, 1);
        assert_eq!(bench.send("POST", "/", b"x").await.unwrap().head.status, 200);
        assert_eq!(count.get(), 2);
        count.set(0);
        let none_left = super::http2::bench(&origin, 0);
        assert_eq!(none_left.send("POST", "/", b"x").await.unwrap_err().reason.code, "upstream.reset");
    });
}

#[test]
fn a_reset_that_may_follow_an_action_is_not_sent_again() {
    run(async {
        let count = Rc::new(Cell::new(0));
        let counter = Rc::clone(&count);
        let origin = origin(Manner::default(), move |(_, mut respond): Exchange| {
            counter.set(counter.get() + 1);
            async move { respond.send_reset(h2::Reason::INTERNAL_ERROR) }
        })
        .await;
        let bench = bench(&origin, 2);
        assert_eq!(bench.send("POST", "/", b"x").await.unwrap_err().reason.code, "upstream.reset");
        assert_eq!(count.get(), 1);
        assert_eq!(bench.failure().await, "upstream.reset");
        assert_eq!(count.get(), 4);
    });
}

#[test]
fn an_orderly_goaway_moves_exchanges_to_a_new_connection() {
    run(async {
        let origin =
            origin(Manner { goaway_after: Some(2), ..Manner::default() }, |(_, mut respond): Exchange| async move {
                respond.send_response(ok(), true).unwrap();
            })
            .await;
        let bench = bench(&origin, 0);
        for _ in 0..10 {
            let reply = bench.send("POST", "/", b"x").await.unwrap();
            assert_eq!((reply.head.status, reply.length), (200, BodyLength::Known(0)));
        }
        assert!((4..=6).contains(&origin.connections.get()), "{}", origin.connections.get());
    });
}

#[test]
fn bodies_that_break_off_or_are_not_as_long_as_promised_fail() {
    run(async {
        let origin = origin(Manner::default(), |(request, mut respond): Exchange| async move {
            let mut response = ok();
            response.headers_mut().insert("content-length", HeaderValue::from_static("10"));
            let mut send = respond.send_response(response, false).unwrap();
            let short = request.uri().path() == "/short";
            send.send_data(Bytes::from_static(b"four"), short).unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            match request.uri().path() {
                "/short" => {}
                "/silent" => tokio::time::sleep(Duration::from_secs(2)).await,
                _ => send.send_reset(h2::Reason::INTERNAL_ERROR),
            }
        })
        .await;
        let bench = bench(&origin, 2);
        for (path, code) in
            [("/short", "upstream.bad_framing"), ("/reset", "upstream.truncated"), ("/silent", "upstream.timeout")]
        {
            let mut reply = bench.send("GET", path, b"").await.unwrap();
            assert_eq!(read(&mut reply).await.unwrap_err().reason.code, code, "{path}");
        }
    });
}

#[test]
fn giving_up_resets_the_stream_at_once() {
    run(async {
        let resets = Rc::new(Cell::new(0));
        let counter = Rc::clone(&resets);
        let origin = origin(Manner::default(), move |(request, mut respond): Exchange| {
            let counter = Rc::clone(&counter);
            async move {
                let reset = if request.uri().path() == "/head" {
                    std::future::poll_fn(|context| respond.poll_reset(context)).await
                } else {
                    let mut send = respond.send_response(ok(), false).unwrap();
                    send.send_data(Bytes::from_static(b"some"), false).unwrap();
                    std::future::poll_fn(|context| send.poll_reset(context)).await
                };
                assert_eq!(reset.unwrap(), h2::Reason::CANCEL);
                counter.set(counter.get() + 1);
            }
        })
        .await;
        let bench = bench(&origin, 0);
        let settle = || tokio::time::sleep(Duration::from_millis(50));
        assert!(tokio::time::timeout(Duration::from_millis(50), bench.send("GET", "/head", b"")).await.is_err());
        settle().await;
        assert_eq!(resets.get(), 1);

        let mut reply = bench.send("GET", "/body", b"").await.unwrap();
        assert_eq!(reply.next().await.unwrap().unwrap(), "some");
        drop(reply);
        settle().await;
        assert_eq!(resets.get(), 2);

        let cleared = bench.clear(request("POST", "/head"), b"some", false);
        let (stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        settle().await;
        drop(pending);
        settle().await;
        assert_eq!(resets.get(), 3);
        drop(stream);

        let (stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        settle().await;
        drop(stream);
        settle().await;
        assert_eq!(resets.get(), 4);
        drop(pending);

        let cleared = bench.clear(request("POST", "/body"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        let reply = pending.reply().await.unwrap();
        drop(reply);
        settle().await;
        assert_eq!(resets.get(), 5);
        assert!(stream.data(Bytes::from_static(b"more")).await.is_err());
        assert_eq!(bench.health.status()[0].running, 0);
        assert_eq!(origin.connections.get(), 1);
    });
}

#[test]
fn an_upstream_that_speaks_no_http2_is_a_failure() {
    run(async {
        let origin = Origin::answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let bench = Bench::new(&[origin.address], |plan| plan.protocol = UpstreamProtocol::Http2);
        let code = bench.failure().await;
        assert!(["upstream.bad_head", "upstream.reset"].contains(&code), "{code}");
    });
}

#[test]
fn heads_are_bounded() {
    run(async {
        let origin = origin(Manner::default(), |(request, mut respond): Exchange| async move {
            let mut response = ok();
            if request.uri().path() == "/many" {
                for _ in 0..200 {
                    response.headers_mut().append("x", HeaderValue::from_static("1"));
                }
            } else {
                for index in 0..100_u32 {
                    let value = format!("{index}{}", "a".repeat(1000));
                    response.headers_mut().append("x", HeaderValue::from_str(&value).unwrap());
                }
            }
            let _ = respond.send_response(response, true);
        })
        .await;
        let bench = bench(&origin, 0);
        for path in ["/many", "/long"] {
            let failure = bench.send("GET", path, b"").await.unwrap_err();
            assert_eq!(failure.reason.status, 502, "{path}: {failure:?}");
        }
    });
}

#[test]
fn an_upstream_that_reads_no_more_of_a_stream_is_given_up_in_time() {
    run(async {
        let origin = origin(Manner::default(), |exchange: Exchange| async move {
            tokio::time::sleep(Duration::from_secs(5)).await;
            drop(exchange);
        })
        .await;
        let bench = Bench::new(&[origin.address], |plan| {
            plan.protocol = UpstreamProtocol::Http2;
            plan.idle_ms = 150;
        });
        let cleared = bench.clear(request("POST", "/"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        let sending = stream.data(Bytes::from(vec![b'x'; 1024 * 1024]));
        let (sent, reply) = tokio::join!(sending, pending.reply());
        assert_eq!(sent.unwrap_err().reason.code, "upstream.timeout");
        assert_eq!(reply.unwrap_err().reason.code, "upstream.timeout");
    });
}
