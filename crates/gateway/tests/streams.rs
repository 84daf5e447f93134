//! What flows in both directions: WebSockets, event streams, large bodies, early answers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by a panic"
)]

#[path = "../src/testing.rs"]
mod testing;

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use support::{End, Gateway, read_all};

const SOON: Duration = Duration::from_millis(300);

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

/// The answer to the key of the handshake (RFC 6455 1.3).
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// An origin that is handed each connection after the first request's head.
fn scripted(script: fn(TcpStream, String)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    head.push(byte[0]);
                }
                script(stream, String::from_utf8(head).unwrap());
            });
        }
    });
    address
}

/// Switches, then sends back the payload of each masked frame of up to 125 bytes.
fn websocket(mut stream: TcpStream, head: String) {
    let accept = if head.contains("permessage-deflate") { "an extension came through" } else { ACCEPT };
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    loop {
        let mut head = [0; 6];
        if stream.read_exact(&mut head).is_err() {
            return;
        }
        let mut payload = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut payload).unwrap();
        for (byte, mask) in payload.iter_mut().zip(head[2..].iter().cycle()) {
            *byte ^= mask;
        }
        let mut frame = vec![head[0], payload.len() as u8];
        frame.extend_from_slice(&payload);
        stream.write_all(&frame).unwrap();
    }
}

fn opened(gateway: &Gateway) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).unwrap();
    let (reply, end) = read_all(&mut stream, SOON);
    let reply = String::from_utf8_lossy(&reply).into_owned();
    assert!(end == End::Silent && reply.starts_with("HTTP/1.1 101 ") && reply.contains(ACCEPT), "{reply}");
    stream
}

#[test]
fn a_websocket_carries_frames_both_ways_until_close() {
    let gateway = Gateway::start(testing::plan(&scripted(websocket).to_string()));
    let mut stream = opened(&gateway);
    stream.write_all(&[0x81, 0x83, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3]).unwrap();
    assert_eq!(read_all(&mut stream, SOON), (vec![0x81, 3, b'a', b'b', b'c'], End::Silent));
    stream.write_all(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]).unwrap();
    let (reply, _) = read_all(&mut stream, SOON);
    assert_eq!(reply, [0x88, 2, 3, 0xe8]);
}

#[test]
fn a_frame_that_breaks_the_protocol_ends_the_tunnel_with_a_code() {
    let mut plan = testing::plan(&scripted(websocket).to_string());
    plan.gateway.limits.websocket_message_bytes = 100;
    let gateway = Gateway::start(plan);
    for (frame, code) in [
        (&[0x81_u8, 0x01, b'a'][..], 1002_u16),
        (&[0xc1, 0x81, 0, 0, 0, 0, b'a'], 1002),
        (&[0x81, 0xe5, 0, 0, 0, 0], 1009),
        (&[0x89, 0x80, 0, 0, 0, 0].repeat(300), 1008),
    ] {
        let mut stream = opened(&gateway);
        stream.write_all(frame).unwrap();
        let (reply, end) = read_all(&mut stream, Duration::from_secs(3));
        assert_eq!(end, End::Closed);
        assert!(reply.ends_with(&[&[0x88, 2][..], &code.to_be_bytes()].concat()), "{code}");
    }
}

#[test]
fn a_switch_that_answers_another_key_is_a_bad_gateway() {
    let origin = scripted(|mut stream, _| {
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
        );
        std::thread::sleep(SOON);
    });
    let gateway = Gateway::start(testing::plan(&origin.to_string()));
    let (reply, _) = gateway.talk(HANDSHAKE.as_bytes(), SOON);
    assert!(reply.starts_with(b"HTTP/1.1 502 "));
}

#[test]
fn events_flow_as_they_come() {
    let origin = scripted(|mut stream, _| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(300));
            stream.write_all(b"9\r\ndata: a\n\n\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        std::thread::sleep(SOON);
    });
    let gateway = Gateway::start(testing::plan(&origin.to_string()));
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    let start = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let (reply, _) = read_all(&mut stream, Duration::from_millis(150));
    assert!(reply.starts_with(b"HTTP/1.1 200 ") && start.elapsed() < Duration::from_millis(290));
    let (reply, _) = read_all(&mut stream, Duration::from_millis(500));
    assert!(String::from_utf8_lossy(&reply).matches("data: a").count() == 3 && reply.ends_with(b"0\r\n\r\n"));
}

#[test]
fn a_large_body_is_streamed_whole() {
    let origin = scripted(|mut stream, head| {
        assert!(head.contains("3000000"));
        let mut body = vec![0; 3_000_000];
        stream.read_exact(&mut body).unwrap();
        assert!(body.iter().all(|byte| *byte == b'x'));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
        std::thread::sleep(SOON);
    });
    let mut plan = testing::plan(&origin.to_string());
    plan.apis[0].inspect.enabled = true;
    let gateway = Gateway::start(plan);
    let mut raw =
        b"PUT /f HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\nContent-Length: 3000000\r\n\r\n"
            .to_vec();
    raw.extend(std::iter::repeat_n(b'x', 3_000_000));
    let (reply, end) = gateway.talk(&raw, Duration::from_secs(2));
    assert!(end == End::Silent && reply.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&reply));
}

#[test]
fn an_early_answer_ends_the_connection_when_much_of_the_body_is_missing() {
    let origin = scripted(|mut stream, _| {
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno").unwrap();
        std::thread::sleep(Duration::from_secs(1));
    });
    let gateway = Gateway::start(testing::plan(&origin.to_string()));
    let mut raw = b"PUT /f HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n".to_vec();
    raw.extend(std::iter::repeat_n(b'x', 10_000));
    let (reply, end) = gateway.talk(&raw, Duration::from_secs(3));
    let reply = String::from_utf8_lossy(&reply);
    assert!(end == End::Closed && reply.starts_with("HTTP/1.1 403 ") && reply.contains("connection: close"), "{reply}");
}
