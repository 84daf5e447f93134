//! What HTTP/2 clients send to wear a server out, and the answer to it: GOAWAY for them, service for everybody else.

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

use std::time::{Duration, Instant};

use support::raw::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY, PROTOCOL_ERROR,
    RST_STREAM, Raw, SETTINGS, WINDOW_UPDATE, block, frame, get, integer,
};
use support::{Gateway, Origin};

/// Sends `flood` and expects to be told to calm down, while another client is served.
fn is_calmed(name: &str, flood: impl Fn(&mut Raw)) {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let mut other = Raw::connect(gateway.plain, &[]);
    let mut raw = Raw::connect(gateway.plain, &[]);
    flood(&mut raw);
    assert_eq!(raw.goaway(), Some(ENHANCE_YOUR_CALM), "{name}");
    assert!(raw.is_closed(Duration::from_secs(5)), "{name}: the connection stays open");
    other.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/hello")));
    assert_eq!(other.answer(1), Some(Ok(200)), "{name}: the other client");
}

#[test]
fn rapid_reset_is_calmed() {
    is_calmed("HEADERS and RST_STREAM", |raw| {
        for stream in (1..4000).step_by(2) {
            let pair = [
                frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/wait")),
                frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
            ];
            if !raw.send(&pair.concat()) {
                break;
            }
        }
    });
}

#[test]
fn streams_that_make_the_server_reset_them_are_calmed() {
    is_calmed("MadeYouReset", |raw| {
        for stream in (1..2000).step_by(2) {
            let pair = [
                frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/wait")),
                // Two of them pass the largest window: an error of the stream alone (RFC 9113 6.9.1).
                frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()),
            ];
            if !raw.send(&pair.concat()) {
                break;
            }
        }
    });
}

#[test]
fn a_window_update_of_nothing_ends_the_connection() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let mut raw = Raw::connect(gateway.plain, &[]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/wait")));
    std::thread::sleep(Duration::from_millis(200));
    raw.send(&frame(WINDOW_UPDATE, 0, 1, &0_u32.to_be_bytes()));
    assert_eq!(raw.goaway(), Some(PROTOCOL_ERROR));
    let start = Instant::now();
    while origin.cancelled() == 0 {
        assert!(start.elapsed() < Duration::from_secs(2), "the origin still works for nobody");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn continuation_floods_are_calmed() {
    for payload in [&b""[..], &[0, 1, b'a', 1, b'b']] {
        is_calmed("CONTINUATION", |raw| {
            raw.send(&frame(HEADERS, END_STREAM, 1, &get("/hello")));
            for _ in 0..20_000 {
                if !raw.send(&frame(CONTINUATION, 0, 1, payload)) {
                    break;
                }
            }
        });
    }
}

#[test]
fn frames_without_substance_are_calmed() {
    let floods: [(&str, Vec<u8>); 6] = [
        ("PING", frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])),
        ("SETTINGS acknowledged", frame(PING, ACK, 0, &[7; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 9])),
        ("unknown", frame(0x77, 0, 0, &[1, 2, 3])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
    ];
    for (name, bytes) in floods {
        is_calmed(name, |raw| {
            for _ in 0..200 {
                if !raw.send(&bytes.repeat(100)) {
                    break;
                }
            }
        });
    }
}

#[test]
fn empty_data_is_calmed() {
    is_calmed("empty DATA", |raw| {
        let head = block(&[(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/echo")]);
        raw.send(&frame(HEADERS, END_HEADERS, 1, &head));
        for _ in 0..500 {
            if !raw.send(&frame(DATA, 0, 1, b"").repeat(100)) {
                break;
            }
        }
    });
}

#[test]
fn a_client_that_measures_the_path_is_served() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let mut raw = Raw::connect(gateway.plain, &[]);
    for round in 0..150_u64 {
        raw.send(&frame(PING, 0, 0, &round.to_be_bytes()));
        let answer = raw.find(Duration::from_secs(5), |frame| frame.kind == PING).unwrap();
        assert_eq!((answer.flags, answer.payload), (ACK, round.to_be_bytes().to_vec()));
    }
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/hello")));
    assert_eq!(raw.answer(1), Some(Ok(200)));
}

/// Resident memory of this process, which is the gateway's too, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// One large dynamic table entry, referred to over and over.
fn bomb(name: &str, value: &str, references: usize) -> Vec<u8> {
    let mut bytes = block(&[(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/hello")]);
    bytes.push(0x40);
    for text in [name, value] {
        integer(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes.extend(std::iter::repeat_n(0xbe, references));
    bytes
}

#[test]
fn hpack_bombs_cost_no_memory() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let value = "v".repeat(3000);
    for (name, value) in [("a", ""), ("cookie", "a=b"), ("x", value.as_str())] {
        let before = resident();
        let mut connections: Vec<Raw> = (0..4).map(|_| Raw::connect(gateway.plain, &[(4, 0)])).collect();
        for raw in &mut connections {
            for stream in (1..41).step_by(2) {
                let bytes = bomb(name, value, 12_000);
                let (first, rest) = bytes.split_at(bytes.len().min(16_000));
                let end = if rest.is_empty() { END_HEADERS } else { 0 };
                raw.send(&frame(HEADERS, end | END_STREAM, stream, first));
                if !rest.is_empty() && !raw.send(&frame(CONTINUATION, END_HEADERS, stream, rest)) {
                    break;
                }
            }
        }
        for raw in &mut connections {
            let refused = raw.answer(1);
            assert!(matches!(refused, None | Some(Ok(431) | Err(_))), "{name}: {refused:?}");
        }
        let grown = resident().saturating_sub(before);
        assert!(grown < 10 * 1024, "{name}: {grown} KiB more");
    }
}

#[test]
fn a_stream_that_lets_nothing_through_is_reset_whatever_drips() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| plan.gateway.timeouts.write_stall_ms = 1_000);
    let mut raw = Raw::connect(gateway.plain, &[(4, 0)]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &get("/bytes/100000")));
    assert_eq!(raw.answer(1), Some(Ok(200)));
    let start = Instant::now();
    let reset = loop {
        raw.send(&frame(WINDOW_UPDATE, 0, 1, &1_u32.to_be_bytes()));
        if let Some(frame) = raw.find(Duration::from_millis(100), |frame| frame.kind == RST_STREAM) {
            break frame;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "the stream is still open");
    };
    assert_eq!(reset.stream, 1);
    assert!(start.elapsed() > Duration::from_millis(500));
    // The connection lives on.
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 3, &get("/status/204")));
    assert_eq!(raw.answer(3), Some(Ok(204)));
}

#[test]
fn responses_whose_window_is_taken_back_are_reset() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| plan.gateway.timeouts.write_stall_ms = 1_500);
    let mut raw = Raw::connect_small(gateway.plain, &[(4, 65_535)]);
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()));
    // More than socket buffers hold, so that h2 keeps finished responses; then all windows fall below zero.
    for stream in (1..200).step_by(2) {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/bytes/60000")));
    }
    std::thread::sleep(Duration::from_millis(500));
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    let reset = raw.find(Duration::from_secs(10), |frame| frame.kind == RST_STREAM).expect("a reset");
    assert_ne!(reset.stream, 0);
    raw.send(&frame(PING, 0, 0, &[1; 8]));
    assert!(raw.find(Duration::from_secs(5), |frame| frame.kind == PING).is_some(), "the connection lives on");
}

#[test]
fn a_client_that_reads_nothing_is_cut_off() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |plan| plan.gateway.timeouts.write_stall_ms = 500);
    let mut raw = Raw::connect(gateway.plain, &[(4, 0x7fff_ffff)]);
    raw.send(&frame(WINDOW_UPDATE, 0, 0, &0x7fff_0000_u32.to_be_bytes()));
    for stream in (1..60).step_by(2) {
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/bytes/4000000")));
    }
    let start = Instant::now();
    let open = &gateway.shared.counters.open_connections;
    while open.load(std::sync::atomic::Ordering::Relaxed) > 0 {
        assert!(start.elapsed() < Duration::from_secs(10), "the connection is still open");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn malformed_heads_are_reset_and_told() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let good = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/hello")];
    let with = |field: (&'static str, &'static str)| [&good[..], &[field]].concat();
    let without = |name: &str| good.iter().copied().filter(|field| field.0 != name).collect::<Vec<_>>();
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("connection", with(("connection", "close"))),
        ("transfer-encoding", with(("transfer-encoding", "chunked"))),
        ("upgrade", with(("upgrade", "h2c"))),
        ("te", with(("te", "gzip"))),
        ("upper case", with(("X-Upper", "1"))),
        ("line break in a value", with(("x-one", "a\r\nx-two: b"))),
        ("NUL in a value", with(("x-one", "a\0b"))),
        ("empty name", with(("", "1"))),
        ("colon in a name", with(("x:y", "1"))),
        ("late pseudo-field", [&[("x", "1")], &good[..]].concat()),
        ("two paths", with((":path", "/other"))),
        ("no method", without(":method")),
        ("no scheme", without(":scheme")),
        ("no path", without(":path")),
        ("unknown pseudo-field", with((":protocol", "websocket"))),
        ("length without data", with(("content-length", "5"))),
    ];
    for (name, fields) in &cases {
        let mut raw = Raw::connect(gateway.plain, &[]);
        raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(fields)));
        assert_eq!(raw.answer(1), Some(Err(PROTOCOL_ERROR)), "{name}");
    }
    let events = gateway.events();
    let told = events.iter().filter(|event| event.contains("\"http2.malformed\"")).count();
    assert_eq!(told, cases.len(), "{events:#?}");
    assert_eq!(origin.requests(), 0);
}

#[test]
fn bodies_of_another_length_than_announced_are_never_forwarded() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let head = |length| {
        block(&[
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "a"),
            (":path", "/echo"),
            ("content-length", length),
        ])
    };
    for (length, data) in [("10", &b"short"[..]), ("3", b"longer"), ("0", b"some")] {
        let mut raw = Raw::connect(gateway.plain, &[]);
        raw.send(&frame(HEADERS, END_HEADERS, 1, &head(length)));
        // Whoever believes the head has time to forward it.
        std::thread::sleep(Duration::from_millis(50));
        raw.send(&frame(DATA, END_STREAM, 1, data));
        assert_eq!(raw.answer(1), Some(Err(PROTOCOL_ERROR)), "{length}");
    }
    assert_eq!(origin.requests(), 0);
    let events = gateway.events();
    assert_eq!(events.len(), 3, "one event each: {events:#?}");
}

#[test]
fn heads_with_two_meanings_are_refused() {
    let origin = Origin::start();
    let gateway = Gateway::start(origin.address, |_| {});
    let get = |authority: &'static str, path: &'static str| {
        vec![(":method", "GET"), (":scheme", "http"), (":authority", authority), (":path", path)]
    };
    let with = |field: (&'static str, &'static str)| [get("a", "/hello"), vec![field]].concat();
    let cases = vec![
        ("authority and host differ", with(("host", "b"))),
        ("no host at all", vec![(":method", "GET"), (":scheme", "http"), (":path", "/hello")]),
        ("userinfo", get("user@a", "/hello")),
        ("asterisk", get("a", "*")),
        ("climbing path", get("a", "/../hello")),
        ("leading space in a value", with(("x-one", " a"))),
        ("underscore", with(("x_one", "a"))),
        ("two lengths", [with(("content-length", "0")), vec![("content-length", "0")]].concat()),
        ("forbidden method", vec![(":method", "TRACE"), (":scheme", "http"), (":authority", "a"), (":path", "/")]),
    ];
    for (name, fields) in &cases {
        let mut raw = Raw::connect(gateway.plain, &[]);
        let ended = if *name == "two lengths" { 0 } else { END_STREAM };
        raw.send(&frame(HEADERS, END_HEADERS | ended, 1, &block(fields)));
        let expected = if *name == "forbidden method" { 405 } else { 400 };
        let answer = raw.answer(1);
        // An absolute path or two hosts may be refused by h2 itself.
        assert!(matches!(answer, Some(Ok(status)) if status == expected), "{name}: {answer:?}");
    }
    let mut raw = Raw::connect(gateway.plain, &[]);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("cookie", "a=b"), 101).collect();
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(&[get("a", "/hello"), many].concat())));
    assert_eq!(raw.answer(1), Some(Ok(431)), "cookie crumbs are counted");
    assert_eq!(origin.requests(), 0);
}
