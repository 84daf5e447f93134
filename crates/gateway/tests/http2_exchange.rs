//! Ordinary HTTP/2 through the whole gateway: bodies, trailers, limits, and the end of connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by a panic"
)]

#[path = "http2_support/mod.rs"]
mod support;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use stockade_model::plan::{LargeBody, UpstreamProtocol};
use support::{Gateway, Origin};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

type Sender = SendRequest<Bytes>;

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), test).await.unwrap() });
}

/// Connects in clear; the task ends with the connection.
async fn connect(gateway: &Gateway) -> (Sender, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(gateway.plain).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    (sender, tokio::spawn(connection))
}

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://shop.example{path}")).body(()).unwrap()
}

async fn get(sender: &Sender, path: &str) -> Result<Response<RecvStream>, h2::Error> {
    let mut sender = sender.clone().ready().await?;
    sender.send_request(request(Method::GET, path), true)?.0.await
}

async fn read(response: Response<RecvStream>) -> (StatusCode, Vec<u8>, Option<HeaderMap>) {
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.unwrap();
        bytes.extend_from_slice(&piece);
        body.flow_control().release_capacity(piece.len()).unwrap();
    }
    (status, bytes, body.trailers().await.unwrap())
}

async fn send(stream: &mut h2::SendStream<Bytes>, mut body: Bytes, last: bool) -> Result<(), h2::Error> {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(room) = poll_fn(|context| stream.poll_capacity(context)).await else {
            return Err(Reason::CANCEL.into());
        };
        let piece = body.split_to(room?.min(body.len()));
        stream.send_data(piece, last && body.is_empty())?;
    }
    Ok(())
}

#[test]
fn bodies_pass_whole_in_both_directions() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |_| {});
        let (sender, _) = connect(&gateway).await;
        // Far more than any window, and more than is judged before it is forwarded.
        let body: Bytes = (0..3_000_000_u32).map(|number| u8::try_from(number % 251).unwrap()).collect();
        for length in [0, 1, 70_000, 3_000_000] {
            let mut ready = sender.clone().ready().await.unwrap();
            let (response, mut stream) = ready.send_request(request(Method::POST, "/echo"), false).unwrap();
            let sent = body.slice(..length);
            let upload = async {
                send(&mut stream, sent.clone(), false).await.unwrap();
                stream.send_data(Bytes::new(), true).unwrap();
            };
            let (_, response) = tokio::join!(upload, response);
            let (status, received, _) = read(response.unwrap()).await;
            assert_eq!(status, 200);
            assert!(received == sent, "{length} bytes sent, {} came back", received.len());
        }
    });
}

#[test]
fn responses_without_a_body_end_with_their_head() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |_| {});
        let (mut sender, _) = connect(&gateway).await;
        let (head, _) = sender.send_request(request(Method::HEAD, "/bytes/1234"), true).unwrap();
        let head = head.await.unwrap();
        assert_eq!(head.headers()["content-length"], "1234");
        assert!(head.headers().contains_key("x-stockade-id"));
        assert!(head.body().is_end_stream());
        for status in [204, 304] {
            let response = get(&sender, &format!("/status/{status}")).await.unwrap();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-origin"], "yes");
            assert!(response.body().is_end_stream(), "{status}");
        }
    });
}

#[test]
fn trailers_pass_in_both_directions_and_forbidden_ones_do_not() {
    run(async {
        let origin = Origin::start();
        // A body that is longer than what is judged is streamed, and with it its trailers.
        let gateway = Gateway::start(origin.address, |plan| {
            plan.apis[0].inspect.body_bytes = 1;
            plan.apis[0].inspect.large_bodies = LargeBody::Stream;
        });
        let (mut sender, _) = connect(&gateway).await;
        let mut asked = request(Method::POST, "/trailers");
        asked.headers_mut().insert("te", "trailers".parse().unwrap());
        let (response, mut stream) = sender.send_request(asked, false).unwrap();
        stream.send_data(Bytes::from_static(b"hey"), false).unwrap();
        stream.send_trailers([("x-sum".parse().unwrap(), "42".parse().unwrap())].into_iter().collect()).unwrap();
        let (status, body, trailers) = read(response.await.unwrap()).await;
        assert_eq!((status.as_u16(), body.as_slice()), (200, &b"hello"[..]));
        assert_eq!(trailers.unwrap()["x-sum"], "42");

        let (response, mut stream) = sender.send_request(request(Method::POST, "/trailers"), false).unwrap();
        stream.send_data(Bytes::from_static(b"hey"), false).unwrap();
        stream.send_trailers([("authorization".parse().unwrap(), "x".parse().unwrap())].into_iter().collect()).unwrap();
        assert_eq!(response.await.unwrap().status(), 400);
    });
}

/// An HTTP/2 origin that answers each piece as it comes, and ends with trailers.
async fn converse(listener: TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        tokio::spawn(async move {
            let mut body = request.into_body();
            let mut answer = respond.send_response(Response::new(()), false).unwrap();
            while let Some(piece) = body.data().await {
                let piece = piece.unwrap();
                body.flow_control().release_capacity(piece.len()).unwrap();
                send(&mut answer, piece, false).await.unwrap();
            }
            answer
                .send_trailers([("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect())
                .unwrap();
        });
    }
}

#[test]
fn a_conversation_may_be_silent_for_longer_than_a_body_may_take() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Gateway::start(listener.local_addr().unwrap(), |plan| {
            plan.apis[0].upstream.protocol = UpstreamProtocol::Auto;
            plan.gateway.timeouts.body_ms = 200;
            plan.gateway.timeouts.idle_ms = 300;
            plan.gateway.timeouts.write_stall_ms = 300;
        });
        tokio::spawn(converse(listener));
        let (mut sender, _) = connect(&gateway).await;
        let mut asked = request(Method::POST, "/shop.Orders/Watch");
        asked.headers_mut().insert("te", "trailers".parse().unwrap());
        asked.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        let (response, mut stream) = sender.send_request(asked, false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        let mut body = response.into_body();
        for _ in 0..3 {
            stream.send_data(Bytes::from_static(b"\0\0\0\0\x01x"), false).unwrap();
            assert_eq!(body.data().await.unwrap().unwrap(), &b"\0\0\0\0\x01x"[..]);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        stream.send_data(Bytes::new(), true).unwrap();
        assert!(body.data().await.is_none());
        assert_eq!(body.trailers().await.unwrap().unwrap()["grpc-status"], "0");
    });
}

#[test]
fn bodies_over_the_limit_are_refused_when_announced_and_when_they_come() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |plan| plan.gateway.limits.body_bytes = 100_000);
        let (mut sender, _) = connect(&gateway).await;
        let mut announced = request(Method::POST, "/echo");
        announced.headers_mut().insert("content-length", "100001".parse().unwrap());
        let (response, _stream) = sender.send_request(announced, false).unwrap();
        assert_eq!(response.await.unwrap().status(), 413);

        let (response, mut stream) = sender.send_request(request(Method::POST, "/echo"), false).unwrap();
        let upload = async {
            // May break off: the answer comes before the body has been sent.
            let _ = send(&mut stream, Bytes::from(vec![b'x'; 200_000]), true).await;
        };
        let (_, response) = tokio::join!(upload, response);
        assert_eq!(response.unwrap().status(), 413);
        assert_eq!(origin.requests(), 0);
        // The connection is still good.
        assert_eq!(get(&sender, "/hello").await.unwrap().status(), 200);
    });
}

#[test]
fn a_body_that_drips_is_cut_off() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |plan| plan.gateway.timeouts.body_ms = 300);
        let (mut sender, _) = connect(&gateway).await;
        let (response, mut stream) = sender.send_request(request(Method::POST, "/echo"), false).unwrap();
        let mut response = std::pin::pin!(response);
        let start = Instant::now();
        let answer = loop {
            let _ = stream.send_data(Bytes::from_static(b"x"), false);
            match tokio::time::timeout(Duration::from_millis(50), &mut response).await {
                Ok(answer) => break answer,
                Err(_) => assert!(start.elapsed() < Duration::from_secs(5), "still waiting"),
            }
        };
        assert_eq!(answer.unwrap().status(), 408);
        assert_eq!(origin.requests(), 0);
    });
}

#[test]
fn a_client_that_leaves_cancels_the_upstream_at_once() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |_| {});
        let (mut sender, connection) = connect(&gateway).await;
        let (_response, mut stream) = sender.send_request(request(Method::GET, "/wait"), true).unwrap();
        while origin.requests() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stream.send_reset(Reason::CANCEL);
        let start = Instant::now();
        while origin.cancelled() == 0 {
            assert!(start.elapsed() < Duration::from_secs(1), "not cancelled after a reset");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());

        let (_response, _) = sender.send_request(request(Method::GET, "/wait"), true).unwrap();
        while origin.requests() == 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        connection.abort();
        let start = Instant::now();
        while origin.cancelled() == 1 {
            assert!(start.elapsed() < Duration::from_secs(1), "not cancelled after a disconnect");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_connection_is_closed_in_order_after_its_share_of_requests() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |plan| plan.gateway.limits.requests_per_connection = 5);
        let (sender, connection) = connect(&gateway).await;
        for _ in 0..5 {
            assert_eq!(get(&sender, "/hello").await.unwrap().status(), 200);
        }
        connection.await.unwrap().unwrap();
        let refused = get(&sender, "/hello").await.unwrap_err();
        assert!(refused.is_go_away() || !refused.is_remote(), "{refused:?}");
    });
}

#[test]
fn an_idle_connection_is_told_before_it_is_closed() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |plan| plan.gateway.timeouts.idle_ms = 300);
        let (sender, connection) = connect(&gateway).await;
        assert_eq!(get(&sender, "/hello").await.unwrap().status(), 200);
        let start = Instant::now();
        connection.await.unwrap().unwrap();
        assert!(start.elapsed() > Duration::from_millis(200) && start.elapsed() < Duration::from_secs(3));
    });
}

#[test]
fn a_drain_lets_running_requests_end_and_takes_no_more_connections() {
    run(async {
        let origin = Origin::start();
        let mut gateway = Gateway::start(origin.address, |plan| plan.gateway.timeouts.drain_ms = 5_000);
        let (mut sender, connection) = connect(&gateway).await;
        let (response, mut stream) = sender.send_request(request(Method::POST, "/echo"), false).unwrap();
        stream.send_data(Bytes::from_static(b"first "), false).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        gateway.drain();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stream.send_data(Bytes::from_static(b"second"), true).unwrap();
        let (status, body, _) = read(response.await.unwrap()).await;
        assert_eq!((status.as_u16(), body.as_slice()), (200, &b"first second"[..]));
        connection.await.unwrap().unwrap();
        assert!(TcpStream::connect(gateway.plain).await.is_err());
        tokio::task::spawn_blocking(move || gateway.join()).await.unwrap();
    });
}

#[test]
fn tls_serves_http2_by_alpn_and_survives_a_change_of_certificates() {
    run(async {
        let origin = Origin::start();
        let gateway = Gateway::start(origin.address, |_| {});
        let pem = std::fs::read(gateway.folder.path().join("tls.crt")).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session shows no certificate.
        config.resumption = rustls::client::Resumption::disabled();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = TcpStream::connect(gateway.secure).await.unwrap();
        let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        assert_eq!(get(&sender, "/hello").await.unwrap().status(), 200);

        let plan = support::plan(origin.address, "127.0.0.1:0", "127.0.0.1:0", gateway.folder.path());
        gateway.shared.certificates.replace(stockade_gateway::Certificates::load(&plan).unwrap());
        assert_eq!(get(&sender, "/hello").await.unwrap().status(), 200);
        let fresh = TcpStream::connect(gateway.secure).await.unwrap();
        let error = connector.connect("localhost".try_into().unwrap(), fresh).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "the old certificate is still served: {error}");
    });
}
