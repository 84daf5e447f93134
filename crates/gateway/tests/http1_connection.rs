//! One HTTP/1.1 connection through a whole gateway: order, ends, deadlines, bodies and what the origin gets to see.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by a panic"
)]

#[path = "../src/testing.rs"]
mod testing;

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use support::{End, Gateway, origin, read_all};

const SOON: Duration = Duration::from_millis(300);

/// Tells what it got.
fn echo(request: &str) -> String {
    let body = request.replace("\r\n", "|");
    if request.contains("/chunked") {
        return format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    }
    if request.contains("/slow") {
        std::thread::sleep(Duration::from_millis(400));
    }
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn text(reply: (Vec<u8>, End)) -> (String, End) {
    (String::from_utf8_lossy(&reply.0).into_owned(), reply.1)
}

fn gateway() -> Gateway {
    Gateway::start(testing::plan(&origin(echo).to_string()))
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gateway = gateway();
    let raw: String = (0..50).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let (reply, end) = text(gateway.talk(raw.as_bytes(), SOON));
    assert_eq!(end, End::Silent);
    let places: Vec<_> = (0..50).map(|n| reply.find(&format!("GET /{n} ")).unwrap()).collect();
    assert!(places.is_sorted());
    assert_eq!(reply.matches("x-stockade-id: ").count(), 50);
    assert_eq!(gateway.shared.counters.exchanges.load(Ordering::Relaxed), 50);
}

#[test]
fn what_could_be_read_of_a_refused_head_stands_in_its_event() {
    let gateway = gateway();
    let cases = [
        ("TRACE /a?token=s3cr3t HTTP/1.1\r\nHost: api.example\r\nUser-Agent: probe\r\n\r\n", "TRACE", "/a"),
        ("CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", "CONNECT", "other.example:443"),
        ("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "POST", "/b"),
        ("GET /c HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", "GET", "/c"),
        ("GET /../d HTTP/1.0\r\nHost: a\r\n\r\n", "GET", "/../d"),
        ("\u{16}\u{3}\u{1}", "\\x16\\x03\\x01", ""),
    ];
    for (raw, ..) in &cases {
        assert_eq!(text(gateway.talk(raw.as_bytes(), Duration::from_secs(12))).1, End::Closed, "{raw}");
    }
    let events = gateway.events();
    let told: Vec<_> = events.iter().map(|event| (&event["request"]["method"], &event["request"]["path"])).collect();
    for ((raw, method, path), told) in cases.iter().zip(&told) {
        assert_eq!((told.0.as_str(), told.1.as_str()), (Some(*method), Some(*path)), "{raw}");
    }
    assert_eq!(told.len(), cases.len());
    let first = &events[0]["request"];
    assert_eq!((first["authority"].as_str(), first["user_agent"].as_str()), (Some("api.example"), Some("probe")));
    assert!(!first.to_string().contains("s3cr3t"), "{first}");
    assert_eq!(events[4]["request"]["version"], "1.0");
}

#[test]
fn the_last_request_of_a_connection_is_announced() {
    let mut plan = testing::plan(&origin(echo).to_string());
    plan.gateway.limits.requests_per_connection = 2;
    let gateway = Gateway::start(plan);
    let (reply, end) = text(gateway.talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3).as_bytes(), SOON));
    assert_eq!(end, End::Closed);
    assert_eq!(reply.matches("200 OK").count(), 2);
    assert_eq!(reply.matches("connection: close").count(), 1);
}

#[test]
fn http_1_0_is_kept_open_only_when_asked() {
    let gateway = gateway();
    let (reply, end) = text(gateway.talk(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", SOON));
    assert!(end == End::Closed && reply.contains("connection: close"), "{reply}");
    let (reply, end) = text(gateway.talk(b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", SOON));
    assert!(end == End::Silent && reply.contains("connection: keep-alive"), "{reply}");
    let (reply, end) = text(gateway.talk(b"GET /chunked HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", SOON));
    assert!(end == End::Closed && !reply.contains("transfer-encoding"), "{reply}");
}

#[test]
fn bodies_reach_the_origin_whole_and_framed_anew() {
    let gateway = gateway();
    let raw =
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let (reply, end) = text(gateway.talk(raw, SOON));
    assert!(
        end == End::Silent && reply.contains("hello") && reply.contains("world") && !reply.contains("x=y"),
        "{reply}"
    );
    let (reply, _) = text(gateway.talk(b"POST /chunked HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", SOON));
    assert!(reply.contains("transfer-encoding: chunked") && reply.ends_with("hello\r\n0\r\n\r\n"), "{reply}");
}

#[test]
fn a_broken_chunk_ends_the_connection_with_400() {
    let gateway = gateway();
    let raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
    let (reply, end) = text(gateway.talk(raw, SOON));
    assert!(end == End::Closed && reply.starts_with("HTTP/1.1 400 ") && reply.contains("connection: close"), "{reply}");
    assert_eq!(reply.matches("HTTP/1.1").count(), 1);
}

#[test]
fn the_interim_answer_comes_from_the_gateway_and_only_when_the_body_is_wanted() {
    let gateway = gateway();
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").unwrap();
    let (reply, end) = text(read_all(&mut stream, SOON));
    assert_eq!((reply.as_str(), end), ("HTTP/1.1 100 Continue\r\n\r\n", End::Silent));
    stream.write_all(b"hello").unwrap();
    let (reply, _) = text(read_all(&mut stream, SOON));
    assert!(reply.starts_with("HTTP/1.1 200 ") && !reply.contains("xpect"), "{reply}");
    let raw = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n";
    let (reply, end) = text(gateway.talk(raw, SOON));
    assert!(end == End::Closed && reply.starts_with("HTTP/1.1 413 "), "{reply}");
}

#[test]
fn slow_heads_and_bodies_are_cut_at_their_deadlines() {
    let mut plan = testing::plan(&origin(echo).to_string());
    plan.gateway.timeouts.head_ms = 200;
    plan.gateway.timeouts.body_ms = 200;
    plan.gateway.timeouts.idle_ms = 300;
    let gateway = Gateway::start(plan);
    let long = Duration::from_secs(3);
    for (raw, expected) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n", "HTTP/1.1 408 "),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhel", "HTTP/1.1 408 "),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhel", "HTTP/1.1 408 "),
        ("", ""),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "),
    ] {
        let start = Instant::now();
        let (reply, end) = text(gateway.talk(raw.as_bytes(), long));
        assert_eq!(end, End::Closed);
        assert!(reply.starts_with(expected), "{raw:?} {reply}");
        assert!(start.elapsed() < Duration::from_millis(900), "{raw:?} {:?}", start.elapsed());
    }
}

#[test]
fn draining_announces_the_end_on_the_next_answer() {
    let gateway = gateway();
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    let get = b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    stream.write_all(get).unwrap();
    let (reply, end) = read_all(&mut stream, Duration::from_millis(600));
    assert!(end == End::Silent && !String::from_utf8_lossy(&reply).contains("connection: close"));
    gateway.drain();
    std::thread::sleep(Duration::from_millis(100));
    stream.write_all(get).unwrap();
    let (reply, end) = text(read_all(&mut stream, Duration::from_secs(2)));
    assert!(end == End::Closed && reply.contains("200 OK") && reply.contains("connection: close"), "{reply}");
}

#[test]
fn a_client_that_leaves_is_noticed_while_the_origin_thinks() {
    let gateway = gateway();
    let mut stream = TcpStream::connect(gateway.address).unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    std::thread::sleep(Duration::from_millis(100));
    drop(stream);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(gateway.shared.counters.failed.load(Ordering::Relaxed), 1);
}

#[test]
fn an_unreachable_origin_is_told_with_an_id() {
    let gateway = Gateway::start(testing::plan("127.0.0.1:1"));
    let (reply, end) = text(gateway.talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", SOON));
    assert!(end == End::Silent && reply.starts_with("HTTP/1.1 502 ") && reply.contains("x-stockade-id: "), "{reply}");
    let (reply, _) = text(gateway.talk(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", SOON));
    assert!(reply.starts_with("HTTP/1.1 502 ") && reply.ends_with("\r\n\r\n"), "{reply}");
}
