//! Requests that are sent piece by piece, and connections that switch protocols.

use std::time::Duration;

use bytes::Bytes;
use stockade_model::request::Upgrade;
use stockade_model::{Headers, Request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::*;
use crate::message::BodyLength;
use crate::upstream::Upgraded;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers once the bytes read end with what ends a chunked body.
fn chunked_reader() -> Origin {
    Origin::new(|mut peer| {
        use std::io::Read as _;
        let mut text = Vec::new();
        let mut byte = [0; 1];
        loop {
            if peer.stream.read(&mut byte).unwrap_or(0) == 0 {
                return peer.note("closed early");
            }
            text.push(byte[0]);
            let whole = String::from_utf8_lossy(&text);
            if whole.ends_with("\r\n\r\n") && (whole.contains("\r\n0\r\n") || !whole.contains("chunked")) {
                peer.note(whole.into_owned());
                peer.write(OK);
                text.clear();
            }
        }
    })
}

#[test]
fn a_streamed_body_is_chunked_and_the_connection_serves_again() {
    run(async {
        let origin = chunked_reader();
        let bench = Bench::new(&[origin.address], |_| {});
        let cleared = bench.clear(request("POST", "/up"), b"judged ", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        stream.data(Bytes::from_static(b"and ")).await.unwrap();
        stream.data(Bytes::new()).await.unwrap();
        stream.data(Bytes::from(vec![b'x'; 5000])).await.unwrap();
        let mut trailers = Headers::default();
        trailers.push(b"x-sum", b"1");
        trailers.push(b"content-length", b"9");
        trailers.push(b"x-evil", b"a\r\n\r\nGET / HTTP/1.1");
        stream.finish(Some(trailers)).await.unwrap();
        let mut reply = pending.reply().await.unwrap();
        assert_eq!(read(&mut reply).await.unwrap(), b"ok");
        let seen = origin.seen();
        assert!(
            seen.contains("\r\ntransfer-encoding: chunked\r\n\r\n7\r\njudged \r\n4\r\nand \r\n1388\r\nxxx"),
            "{seen}"
        );
        assert!(seen.ends_with("x\r\n0\r\nx-sum: 1\r\n\r\n"), "{seen}");
        bench.get().await.unwrap();
        assert_eq!(origin.connections(), 1);
    });
}

#[test]
fn a_streamed_body_of_known_length_must_have_that_length() {
    run(async {
        let origin = Origin::answering(OK);
        let bench = Bench::new(&[origin.address], |_| {});
        let open = async || {
            let cleared = bench.clear(request("PUT", "/"), b"12345", false);
            bench.upstreams.open(&cleared, BodyLength::Known(8)).await.unwrap()
        };
        let (mut stream, pending) = open().await;
        stream.data(Bytes::from_static(b"678")).await.unwrap();
        stream.finish(None).await.unwrap();
        assert_eq!(pending.reply().await.unwrap().head.status, 200);
        assert!(origin.seen().ends_with("content-length: 8\r\n\r\n12345678"));

        let (mut stream, pending) = open().await;
        assert_eq!(stream.data(Bytes::from_static(b"6789")).await.unwrap_err().reason.code, "upstream.bad_framing");
        assert!(pending.reply().await.is_err());
        let (mut stream, pending) = open().await;
        assert_eq!(stream.finish(None).await.unwrap_err().reason.code, "upstream.bad_framing");
        assert!(pending.reply().await.is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(origin.count(), 0, "neither too long nor too short a body counts as a request");
    });
}

#[test]
fn an_early_answer_is_passed_on_and_its_connection_does_not_serve_again() {
    run(async {
        let origin = Origin::new(|mut peer| {
            use std::io::Read as _;
            let mut head = [0; 64];
            let _ = peer.stream.read(&mut head);
            peer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
            peer.note(format!("request {}", peer.number));
            peer.closed();
        });
        let bench = Bench::new(&[origin.address], |_| {});
        let cleared = bench.clear(request("POST", "/"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        stream.data(Bytes::from_static(b"more")).await.unwrap();
        let mut reply = pending.reply().await.unwrap();
        assert_eq!(reply.head.status, 413);
        assert_eq!(read(&mut reply).await.unwrap(), b"big");
        assert!(stream.data(Bytes::from_static(b"even more")).await.is_err());
        drop(stream);
        bench.get().await.unwrap();
        assert_eq!(origin.connections(), 2);
    });
}

#[test]
fn an_answer_survives_the_failure_to_send_the_rest() {
    run(async {
        let origin = Origin::new(|mut peer| {
            use std::io::Read as _;
            let mut head = [0; 64];
            let _ = peer.stream.read(&mut head);
            peer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        });
        let bench = Bench::new(&[origin.address], |_| {});
        let cleared = bench.clear(request("POST", "/"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        let mut failed = false;
        for _ in 0..50 {
            failed = stream.data(Bytes::from(vec![b'x'; 64 * 1024])).await.is_err();
            if failed {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(failed);
        drop(stream);
        let mut reply = pending.reply().await.unwrap();
        assert_eq!(reply.head.status, 401);
        assert_eq!(read(&mut reply).await.unwrap(), b"no");
    });
}

#[test]
fn a_stream_that_is_given_up_calls_the_exchange_off() {
    run(async {
        let origin = chunked_reader();
        let bench = Bench::new(&[origin.address], |_| {});
        let cleared = bench.clear(request("POST", "/"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        stream.data(Bytes::from_static(b"more")).await.unwrap();
        drop(stream);
        assert_eq!(origin.seen(), "closed early");
        assert_eq!(pending.reply().await.unwrap_err().reason.code, "upstream.reset");
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        stream.data(Bytes::from_static(b"more")).await.unwrap();
        drop(pending);
        assert_eq!(origin.seen(), "closed early");
        assert!(stream.data(Bytes::from_static(b"more")).await.is_err());
    });
}

#[test]
fn a_slow_client_is_not_the_upstreams_fault_but_an_upstream_that_does_not_read_is() {
    run(async {
        let origin = chunked_reader();
        let bench = Bench::new(&[origin.address], |plan| plan.idle_ms = 150);
        let cleared = bench.clear(request("POST", "/"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        let sending = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            stream.finish(None).await
        };
        let (sent, reply) = tokio::join!(sending, pending.reply());
        sent.unwrap();
        assert_eq!(reply.unwrap().head.status, 200);

        let deaf = Origin::new(|peer| {
            std::thread::sleep(Duration::from_secs(5));
            drop(peer);
        });
        let bench = Bench::new(&[deaf.address], |plan| plan.idle_ms = 150);
        let cleared = bench.clear(request("POST", "/"), b"some", false);
        let (mut stream, pending) = bench.upstreams.open(&cleared, BodyLength::Unknown).await.unwrap();
        let sending = async {
            loop {
                if let Err(failure) = stream.data(Bytes::from(vec![b'x'; 1024 * 1024])).await {
                    return failure;
                }
            }
        };
        let (failure, reply) = tokio::join!(sending, pending.reply());
        assert_eq!(failure.reason.code, "upstream.timeout");
        assert_eq!(reply.unwrap_err().reason.code, "upstream.timeout");
    });
}

fn websocket() -> Request {
    let mut request = request("GET", "/chat");
    request.upgrade = Some(Upgrade::WebSocket);
    request.headers.push(b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==");
    request.headers.push(b"sec-websocket-version", b"13");
    request
}

#[test]
fn a_switch_hands_over_the_connection_and_what_came_behind_the_head() {
    run(async {
        let origin = Origin::new(|mut peer| {
            use std::io::Read as _;
            peer.request();
            peer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst",
            );
            let mut four = [0; 4];
            peer.stream.read_exact(&mut four).unwrap();
            peer.write(&four);
        });
        let bench = Bench::new(&[origin.address], |_| {});
        let cleared = bench.clear(websocket(), b"", true);
        let Upgraded::Switched(head, mut duplex, rest) = bench.upstreams.upgrade(&cleared).await.unwrap() else {
            panic!("not switched")
        };
        assert_eq!((head.status, &rest[..]), (101, &b"first"[..]));
        assert!(head.headers.contains("sec-websocket-accept") && !head.headers.contains("connection"));
        let seen = origin.seen();
        assert!(seen.contains("\r\nconnection: upgrade\r\nupgrade: websocket\r\n"), "{seen}");
        assert_eq!(bench.health.status()[0].running, 1);
        duplex.write_all(b"ping").await.unwrap();
        let mut echo = Vec::new();
        duplex.read_to_end(&mut echo).await.unwrap();
        assert_eq!(echo, b"ping");
        drop(duplex);
        assert_eq!(bench.health.status()[0].running, 0);
    });
}

#[test]
fn a_switch_without_the_proof_is_refused_and_a_plain_answer_is_passed_on() {
    run(async {
        for answer in [
            &b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"[..],
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        ] {
            let origin = Origin::answering(answer);
            let bench = Bench::new(&[origin.address], |_| {});
            let failure = bench.upstreams.upgrade(&bench.clear(websocket(), b"", true)).await.err().unwrap();
            assert_eq!(failure.reason.code, "upstream.bad_switch");
        }
        let origin = Origin::answering(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        let bench = Bench::new(&[origin.address], |_| {});
        let cleared = bench.clear(websocket(), b"", true);
        let Upgraded::Refused(mut reply) = bench.upstreams.upgrade(&cleared).await.unwrap() else { panic!("switched") };
        assert_eq!((reply.head.status, read(&mut reply).await.unwrap()), (403, b"no".to_vec()));
    });
}
